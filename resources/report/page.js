"use strict";
// Adds to the page what needs a script: the filter by arm, and what an experiment was.
for (const explorer of document.querySelectorAll(".explorer")) {
  const section = explorer.closest("section");
  const data = JSON.parse(explorer.querySelector("script").textContent);
  const chart = explorer.querySelector("svg.experiments");
  const tooltip = explorer.querySelector(".tooltip");
  const circles = [...chart.querySelectorAll("circle")].sort((a, b) => a.dataset.i - b.dataset.i);
  const factors = Object.keys(data.factors);
  let chosen = null;

  const line = (text, kind) => {
    const element = document.createElement("p");
    element.textContent = text; // Never as markup: ideas are written by models.
    element.className = kind;
    tooltip.append(element);
  };

  const show = (circle) => {
    if (chosen) chosen.classList.remove("chosen");
    chosen = circle;
    tooltip.hidden = circle === null;
    if (circle === null) return;
    circle.classList.add("chosen");
    const [arm, seed, n, selection, score, levels, idea] = data.rows[circle.dataset.i];
    tooltip.replaceChildren();
    line(`${arm.replaceAll("_", " ")}, seed ${seed}, experiment ${n}`, "who");
    line(`${data.names[0]} ${selection}, ${data.names[1]} ${score}`, "scores");
    line(factors.map((name, i) => `${name}: ${data.factors[name][levels[i]]}`).join(", "), "cell");
    if (idea >= 0) line(`“${data.ideas[idea]}”`, "idea");
    const box = explorer.getBoundingClientRect();
    const at = circle.getBoundingClientRect();
    const left = Math.min(at.left - box.left + 14, box.width - tooltip.offsetWidth);
    tooltip.style.left = `${Math.max(0, left)}px`;
    tooltip.style.top = `${at.top - box.top + 14}px`;
  };

  const visible = () => circles.filter((circle) => !circle.parentNode.classList.contains("off"));

  chart.addEventListener("pointermove", (event) => {
    if (event.target.tagName === "circle") show(event.target);
  });
  chart.addEventListener("pointerleave", () => show(null));
  chart.addEventListener("blur", () => show(null));
  chart.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") show(null);
    if (!step) return;
    event.preventDefault();
    const shown = visible();
    if (shown.length === 0) return;
    const next = chosen ? shown.indexOf(chosen) + step : 0;
    show(shown[(next + shown.length) % shown.length]);
  });

  const filter = explorer.querySelector(".filter");
  filter.hidden = false;
  for (const hint of explorer.querySelectorAll(".scripted")) hint.hidden = false;
  filter.addEventListener("change", (event) => {
    for (const element of section.querySelectorAll("[data-arm]")) {
      if (element.dataset.arm === event.target.value) {
        element.classList.toggle("off", !event.target.checked);
      }
    }
    show(null);
  });
}
