// A real run and its simulation, request by request.

Object.assign(state, { part: data.parts[0].key });

const chosen = () => data.parts.find((part) => part.key === state.part);

function partButtons() {
  if (data.parts.length < 2) return;
  host("parts").hidden = false;
  data.parts.forEach(({ key, name }) => {
    const button = element("button", "", name);
    button.type = "button";
    button.dataset.part = key;
    button.setAttribute("aria-pressed", key === state.part);
    host("parts").append(button);
  });
  choose("parts", "part", (part) => (state.part = part));
}

// A point per request: measured to the right, simulated upwards, both on the same logarithmic scale.
class ScatterChart extends Chart {
  constructor(hosting, caption, tipBox, pairs) {
    super(hosting, caption, 300, tipBox);
    this.pairs = pairs;
    this.draw();
  }

  draw() {
    if (!this.measure()) return;
    const { first, last } = chosen(), { request, real, simulated } = this.pairs;
    const inside = request.flatMap((r, k) => (r >= first && r < last && real[k] > 0 && simulated[k] > 0 ? [k] : []));
    const values = inside.flatMap((k) => [real[k], simulated[k]]);
    const low = Math.min(...values) / 1.15, high = Math.max(...values) * 1.15;
    if (!inside.length) return this.svg.replaceChildren();
    const x = new Scale(low, high, SPACE.left, this.width - SPACE.right, true);
    const y = new Scale(low, high, this.height - SPACE.bottom, SPACE.top, true);
    this.frame(x, y, "measured, seconds");
    this.svg.append(shape("text", { x: SPACE.left + 6, y: SPACE.top + 10 }, "simulated, seconds"));
    // Equal, and off by a quarter either way.
    for (const [factor, kind] of [[1, "equal"], [1.25, "off"], [0.8, "off"]]) {
      const from = Math.max(low, low / factor), to = Math.min(high, high / factor);
      this.svg.append(shape("path", { class: kind, d: `M${x.at(from)} ${y.at(from * factor)}L${x.at(to)} ${y.at(to * factor)}` }));
    }
    this.places = inside.map((k) => ({ k, x: x.at(real[k]), y: y.at(simulated[k]) }));
    const d = this.places.map((p) => `M${p.x.toFixed(1)} ${p.y.toFixed(1)}h0`).join("");
    this.svg.append(shape("path", { class: "dots", d }));
    this.mark = null;
  }

  leave() {
    this.mark?.remove();
    super.leave();
  }

  point(event) {
    const box = this.svg.getBoundingClientRect(), scale = this.width / this.svg.clientWidth;
    const px = this.place(event), py = (event.clientY - box.top) * scale;
    let best = null, least = 18 ** 2;
    for (const p of this.places ?? []) {
      const apart = (p.x - px) ** 2 + (p.y - py) ** 2;
      if (apart < least) [best, least] = [p, apart];
    }
    if (!best) return this.leave();
    this.mark?.remove();
    this.mark = shape("circle", { class: "mark", cx: best.x, cy: best.y, r: 5 });
    this.svg.append(this.mark);
    const real = this.pairs.real[best.k], simulated = this.pairs.simulated[best.k], off = simulated / real - 1;
    this.tip.show(event, `request ${this.pairs.request[best.k]}`, [
      ["measured", `${figureText(real)} s`],
      ["simulated", `${figureText(simulated)} s`],
      ["error", `${off < 0 ? "−" : "+"}${figureText(Math.abs(100 * off))} %`],
    ]);
  }
}

function requestCharts() {
  for (const [key, name] of Object.entries(data.curves)) {
    charts.push(new ScatterChart(host("requests"), name, tip, data.requests[key]));
  }
}

function timeCharts() {
  const base = { xLabel: "seconds", heading: (at) => `at ${figureText(at)} s` };
  ttftOverTime(host("time"), base);
  const fine = middles(data.slices);
  const series = () => visible().map((p) => ({ ...p, x: fine, y: p.inside }));
  charts.push(new LineChart(host("time"), "requests in the engine", 220, tip, series, () => ({ ...base, yText: figureText })));
}

toggles();
partButtons();
latencyCharts((p) => p.parts[state.part]);
requestCharts();
timeCharts();
choose("curves", "scale", (scale) => (state.log = scale === "log"));
performance.mark("report-painted");
