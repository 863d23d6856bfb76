// A load under one or several policies: of which policy and by which measure besides.

Object.assign(state, { one: 0, measure: "occupancy" });

function timeCharts() {
  host("over-time").hidden = false;
  const end = data.slices.n * data.slices.width;
  const base = { xMax: end, xLabel: "seconds", heading: (at) => `at ${figureText(at)} s` };
  const fine = middles(data.slices);
  const add = (caption, series, more) => {
    charts.push(new LineChart(host("time"), caption, 220, tip, series, () => ({ ...base, ...more })));
  };
  ttftOverTime(host("time"), base);
  if (!data.policies.some((p) => p.time)) return;
  const timed = () => visible().filter((p) => p.time);
  const line = (name) => () => timed().map((p) => ({ ...p, x: fine, y: p.time[name].mean, top: banded() ? p.time[name].peak : null }));
  add("KV memory in use", line("occupancy"), { yMax: 1, yText: percent });
  add("requests running", line("running"), { yText: figureText });
  add("requests waiting", line("waiting"), { yText: figureText });
}

function onePolicy() {
  const timed = data.policies.flatMap((p, k) => (p.time ? [k] : []));
  if (!timed.length) return;
  host("one-policy").hidden = false;
  [state.one] = timed;
  const buttons = timed.map((k) => {
    const button = element("button", "", data.policies[k].name);
    button.type = "button";
    button.setAttribute("aria-pressed", k === state.one);
    button.addEventListener("click", () => {
      state.one = k;
      buttons.forEach((b, j) => b.setAttribute("aria-pressed", timed[j] === k));
      redraw();
    });
    host("chosen").append(button);
    return button;
  });
  const time = () => data.policies[state.one].time;
  const options = () => ({ width: data.slices.width, count: data.slices.n, xLabel: "seconds", heading: (at) => `at ${figureText(at)} s` });
  const layers = () => [
    { name: "decoded tokens/s", className: "decode", y: time().decode },
    { name: "prompt tokens/s", className: "prompt", y: time().prompt },
  ];
  charts.push(new StackChart(host("batch"), "tokens computed", 220, tip, layers, options));
  const requests = () => [
    { name: "running", className: "decode", y: time().running.mean },
    { name: "waiting", className: "prompt", y: time().waiting.mean },
  ];
  charts.push(new StackChart(host("batch"), "requests", 220, tip, requests, options));
  const rows = () => {
    const { per, n, ...measures } = time().rows, values = measures[state.measure];
    const most = state.measure === "occupancy" ? 1 : Math.max(1e-9, ...values.flat());
    const names = values.map((_, i) => (per === 1 ? `${i}` : `${i * per}–${Math.min(n, (i + 1) * per) - 1}`));
    return { values, names, most, text: state.measure === "occupancy" ? percent : figureText };
  };
  const cells = () => ({ ...options(), width: data.cells.width, count: data.cells.n });
  charts.push(new HeatChart(host("instances"), "instances", tip, rows, cells));
  choose("one-policy", "measure", (measure) => (state.measure = measure));
}

function classBars() {
  if (data.classes.length < 2 && data.policies.length < 2) return;
  charts.push(new BarChart(host("classes"), tip));
}

// Attained share of every class under every policy.
class BarChart extends Chart {
  constructor(hosting, tipBox) {
    super(hosting, "requests that attain their class", 100, tipBox);
    this.draw();
  }

  draw() {
    if (!this.measure()) return;
    const shown = visible(), groups = data.classes.length;
    const each = 16, gap = 26, label = 22;
    this.height = SPACE.top + groups * (shown.length * each + gap) + SPACE.bottom - 8;
    const x = new Scale(0, 1, SPACE.left, this.width - 190);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    const foot = this.height - SPACE.bottom + 6;
    for (const t of [0, 0.25, 0.5, 0.75, 1]) {
      this.svg.append(shape("path", { class: "grid", d: `M${x.at(t)} ${SPACE.top}V${foot}` }));
      this.svg.append(shape("text", { x: x.at(t), y: foot + 14, "text-anchor": "middle" }, percent(t)));
    }
    this.bars = [];
    data.classes.forEach((name, c) => {
      let y = SPACE.top + c * (shown.length * each + gap);
      this.svg.append(shape("text", { x: SPACE.left, y: y + 12 }, name));
      y += label - 4;
      for (const p of shown) {
        const share = p.kept[c];
        if (share !== null) {
          this.svg.append(shape("rect", { x: x.at(0), y, width: Math.max(0.5, x.at(share) - x.at(0)), height: each - 4, fill: p.colour, rx: 2 }));
        }
        this.svg.append(shape("text", { x: x.at(share ?? 0) + 5, y: y + each - 6 }, `${percent(share)}  ${p.name}`));
        this.bars.push({ y, height: each, name: p.name, share, of: name });
        y += each;
      }
    });
  }

  point(event) {
    const box = this.svg.getBoundingClientRect();
    const y = ((event.clientY - box.top) * this.height) / this.svg.clientHeight;
    const bar = this.bars.find((b) => y >= b.y && y < b.y + b.height);
    if (!bar) return this.leave();
    this.tip.show(event, bar.of, [[bar.name, percent(bar.share)]]);
  }
}

toggles();
classBars();
latencyCharts((p) => p.curves);
timeCharts();
onePolicy();
choose("curves", "scale", (scale) => (state.log = scale === "log"));
performance.mark("report-painted");
