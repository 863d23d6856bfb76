// What every page has: its series, which of them are shown, and on which scale.

const data = JSON.parse(document.getElementById("data").textContent);
const tip = new Tip();
const charts = [];
const state = { shown: new Set(data.policies.map((_, k) => k)), log: false };
const percent = (v) => (v === null ? "–" : `${+(v * 100).toFixed(v > 0.99 && v < 1 ? 2 : 1)} %`);
const host = (id) => document.getElementById(id);

function redraw() {
  for (const chart of charts) chart.draw();
}

function visible() {
  return data.policies.filter((_, k) => state.shown.has(k));
}

// Many bands upon each other say nothing.
function banded() {
  return state.shown.size <= 3;
}

function swatch(policy) {
  const svg = shape("svg", { class: "swatch", viewBox: "0 0 22 10", "aria-hidden": "true" });
  svg.append(shape("path", { d: "M0 5H22", stroke: policy.colour, "stroke-width": 3, "stroke-dasharray": DASHES[policy.dash % DASHES.length] }));
  return svg;
}

function toggles() {
  data.policies.forEach((policy, k) => {
    const button = element("button");
    button.type = "button";
    button.append(swatch(policy), element("span", "", policy.name));
    button.setAttribute("aria-pressed", "true");
    button.title = "Show or hide";
    button.addEventListener("click", () => {
      if (state.shown.has(k)) state.shown.delete(k);
      else state.shown.add(k);
      button.setAttribute("aria-pressed", state.shown.has(k));
      redraw();
    });
    host("policies").append(button);
  });
}

function choose(group, attribute, apply) {
  const buttons = Array.from(document.querySelectorAll(`[data-${attribute}]`));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
      apply(button.dataset[attribute]);
      redraw();
    });
  }
}

// Distributions of latencies; `curvesOf` gives those of a series.
function latencyCharts(curvesOf) {
  for (const [key, name] of Object.entries(data.curves)) {
    const series = () => visible().map((p) => ({ ...p, x: curvesOf(p)[key].x, y: curvesOf(p)[key].p, steps: true }));
    const options = () => ({
      xLog: state.log, yMax: 1, xLabel: "seconds", yText: percent, limits: data.limits[key],
      heading: (at) => `within ${figureText(at)} s`,
    });
    charts.push(new LineChart(host("curves"), name, 230, tip, series, options));
  }
}

function middles({ n, width }) {
  return Array.from({ length: n }, (_, k) => (k + 0.5) * width);
}

// TTFT of the requests sent in each slice of time.
function ttftOverTime(place, base) {
  const coarse = middles(data.coarse);
  const series = () => visible().map((p) => ({ ...p, x: coarse, y: p.latency.median, top: banded() ? p.latency.p90.map((v, k) => v ?? p.latency.median[k] ?? 0) : null }));
  charts.push(new LineChart(place, "TTFT by time of sending, median (band to p90)", 220, tip, series, () => ({ ...base, yText: (v) => `${figureText(v)} s` })));
}
