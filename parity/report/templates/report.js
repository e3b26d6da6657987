"use strict";
// Filters and the slider. Without this script the page shows everything side by side.
(() => {
  const form = document.getElementById("controls");
  const holder = document.getElementById("figures");
  const shown = document.getElementById("shown");
  const figures = [...holder.querySelectorAll("figure.image")];
  const value = (name) => form.elements[name]?.value ?? "";
  const kindsChosen = () => new Set([...form.querySelectorAll("input[name=kind]:checked")].map((box) => box.value));
  const isOneOf = (kinds, box) => [...box.classList].some((name) => kinds.has(name));

  const filter = () => {
    const kinds = kindsChosen();
    const label = value("class");
    const config = value("config");
    let visible = 0;
    for (const figure of figures) {
      const boxes = [...figure.querySelectorAll(".box")];
      let left = 0;
      for (const box of boxes) {
        const show = isOneOf(kinds, box) && (label === "" || box.dataset.class === label);
        box.classList.toggle("hidden", !show);
        left += show;
      }
      const empty = boxes.length === 0 && kinds.has("matched") && label === "";
      figure.hidden = !(left || empty) || !(config === "" || figure.dataset.config === config);
      visible += !figure.hidden;
    }
    shown.textContent = `${visible} of ${figures.length} images`;
  };

  const view = () => {
    const sliding = value("view") === "slider";
    holder.classList.toggle("sliding", sliding);
    for (const slider of holder.querySelectorAll(".slider")) slider.hidden = !sliding;
  };

  const slide = (slider) => slider.closest("figure").querySelector(".pair").style.setProperty("--cut", `${slider.value}%`);

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => { filter(); view(); });
  form.addEventListener("reset", () => setTimeout(() => { filter(); view(); }));
  form.elements.differences.addEventListener("click", () => {
    for (const box of form.querySelectorAll("input[name=kind]")) box.checked = box.value !== "matched";
    filter();
  });
  holder.addEventListener("input", (event) => event.target.classList.contains("slider") && slide(event.target));
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
  document.documentElement.classList.add("scripted");
  filter();
  view();
})();
