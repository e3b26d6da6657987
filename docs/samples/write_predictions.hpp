// Detections of a C++ pipeline as the predictions file that Parity reads.
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

struct Detection {
    std::string file_name;  // of the image; escape " and \ where names may hold them
    int category_id;        // class index with a data.yaml, COCO's own id with a COCO JSON
    float x1, y1, x2, y2;   // pixels of the image as it lies on disk, not of the network's input
    float score;            // 0 to 1, as it was compared with the threshold
};

inline void write_predictions(const std::string& path, const std::vector<Detection>& detections) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (!file) throw std::runtime_error("cannot write " + path);
    std::fputs("[", file);
    const char* before = "\n";
    for (const Detection& d : detections) {
        // 9 digits hold a float32 exactly; the width is taken in double, so that x + width is x2 again
        std::fprintf(file,
                     "%s{\"file_name\": \"%s\", \"category_id\": %d, \"bbox\": [%.9g, %.9g, %.17g, %.17g], \"score\": %.9g}",
                     before, d.file_name.c_str(), d.category_id, d.x1, d.y1,
                     double(d.x2) - double(d.x1), double(d.y2) - double(d.y1), d.score);
        before = ",\n";
    }
    std::fputs("\n]\n", file);
    if (std::fclose(file)) throw std::runtime_error("cannot write " + path);
}
