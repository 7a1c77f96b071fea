"use strict";

const config = {
  displaylogo: false,
  responsive: true,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
};
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/* Figures take the page's colours, and are drawn when they are first seen: a hidden one has no width. */

function pageColors() {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  return {
    "font.color": value("--muted"),
    "hoverlabel.bgcolor": value("--card"),
    "hoverlabel.bordercolor": value("--line"),
    "hoverlabel.font.color": value("--ink"),
  };
}

function draw(root) {
  for (const place of all(".plot:not(.drawn)", root)) {
    if (place.closest("[hidden]")) continue;
    const figure = JSON.parse(document.getElementById("data-" + place.id).textContent);
    Plotly.newPlot(place, figure.data, figure.layout, config).then(() => Plotly.relayout(place, inkFor(place)));
    place.classList.add("drawn");
  }
}

function inkFor(place) {
  const colors = pageColors();
  if (place.data && place.data[0] && place.data[0].type === "heatmap") {
    Plotly.restyle(place, { "textfont.color": getComputedStyle(document.documentElement).getPropertyValue("--ink").trim() });
  }
  return colors;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of all(".plot.drawn")) Plotly.relayout(place, inkFor(place));
});

/* The legend shows and hides a run in every figure of curves. */

for (const chip of all(".chip")) {
  chip.addEventListener("click", () => {
    const shown = chip.getAttribute("aria-pressed") !== "true";
    chip.setAttribute("aria-pressed", shown);
    for (const place of all(".curves .plot.drawn")) {
      const traces = place.data.flatMap((trace, i) => (trace.meta.run === Number(chip.dataset.run) ? [i] : []));
      if (traces.length) Plotly.restyle(place, { visible: shown }, traces);
    }
  });
}

for (const button of all("button.log")) {
  button.addEventListener("click", () => {
    const log = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", log);
    Plotly.relayout(button.dataset.figure, { "yaxis.type": log ? "log" : "linear", "yaxis.autorange": true });
  });
}

/* Tabs choose the run, by click or by arrow key. */

const tabs = all("[role=tab]");

function choose(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", chosen);
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  draw(document.getElementById(tab.getAttribute("aria-controls")));
}

tabs.forEach((tab, i) => {
  tab.tabIndex = i ? -1 : 0;
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
});

/* Sliders choose the epoch. */

for (const group of all(".frames")) {
  const frames = all(".frame", group);
  group.querySelector("input").addEventListener("input", (event) => {
    const chosen = Number(event.target.value);
    frames.forEach((frame, i) => (frame.hidden = i !== chosen));
    group.querySelector("output").textContent = "epoch " + frames[chosen].dataset.epoch;
  });
}

draw(document);
