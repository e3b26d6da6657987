"""The program of the pages with the mistake that is met most often: the image is stretched to the square."""

import sys

import cv2
import predict


def stretch(image):
    """The image squeezed into the square, and its scale along each axis."""
    height, width = image.shape[:2]
    return cv2.resize(image, (predict.SIDE, predict.SIDE)), (predict.SIDE / width, predict.SIDE / height), (0, 0)


predict.letterbox = stretch
predict.main(*sys.argv[1:])
