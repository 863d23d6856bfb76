// Charts in SVG: lines with bands, stacked areas, and rows of heat on a canvas.

const SPACE = { left: 50, right: 12, top: 10, bottom: 34 };
const DASHES = ["", "7 4", "2 3", "10 3 2 3"];
const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

function element(name, className = "", text = null) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

function figureText(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return String(+value.toPrecision(4));
}

// About `wanted` round numbers from `low` to `high`.
function roundTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((f) => f * power >= rough) * power;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); k++) ticks.push(k * step);
  return ticks;
}

function logTicks(low, high, wanted) {
  if (high / low < 8) return roundTicks(low, high, wanted);
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) {
    for (const f of [1, 2, 5]) ticks.push(f * 10 ** e);
  }
  const inside = ticks.filter((t) => t >= low && t <= high);
  const decades = inside.filter((t) => Math.abs(Math.log10(t) % 1) < 1e-9);
  return inside.length <= wanted ? inside : decades.length > 1 ? decades : inside.filter((_, k) => k % Math.ceil(inside.length / wanted) === 0);
}

class Scale {
  constructor(low, high, from, to, log = false) {
    Object.assign(this, { low, high, from, to, log });
    this.a = log ? Math.log(low) : low;
    this.b = (log ? Math.log(high) : high) - this.a || 1;
  }

  at(value) {
    const v = this.log ? Math.log(Math.max(value, this.low)) : value;
    return this.from + ((v - this.a) / this.b) * (this.to - this.from);
  }

  back(pixel) {
    const v = this.a + ((pixel - this.from) / (this.to - this.from)) * this.b;
    return this.log ? Math.exp(v) : v;
  }

  ticks(wanted) {
    return this.log ? logTicks(this.low, this.high, wanted) : roundTicks(this.low, this.high, wanted);
  }
}

// Last index with x[k] <= value, -1 if there is none.
function indexBelow(x, value) {
  let low = 0, high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

class Tip {
  constructor() {
    this.box = document.getElementById("tip");
  }

  show(event, heading, rows) {
    this.box.replaceChildren(element("strong", "", heading));
    const table = element("table");
    for (const [name, value] of rows) {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = value;
    }
    this.box.append(table);
    this.box.hidden = false;
    const wide = this.box.offsetWidth, high = this.box.offsetHeight;
    const x = event.clientX + 14 + wide > window.innerWidth ? event.clientX - wide - 14 : event.clientX + 14;
    this.box.style.left = `${Math.max(4, x)}px`;
    this.box.style.top = `${Math.min(event.clientY + 14, window.innerHeight - high - 6)}px`;
  }

  hide() {
    this.box.hidden = true;
  }
}

// A figure with a caption, drawn again when its width changes.
class Chart {
  constructor(host, caption, height, tip) {
    this.height = height;
    this.tip = tip;
    this.box = element("figure");
    this.caption = element("figcaption", "", caption);
    this.svg = shape("svg", { role: "img", "aria-label": caption });
    this.box.append(this.caption, this.svg);
    host.append(this.box);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.leave());
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  key(className, text) {
    const key = element("span", "key");
    key.append(element("span", `swatch ${className}`), element("span", "", text));
    this.caption.append(key);
  }

  frame(x, y, xLabel, xText = figureText, yText = figureText) {
    const { svg } = this, bottom = this.height - SPACE.bottom;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("height", this.height);
    for (const t of y.ticks(5)) {
      const at = y.at(t);
      svg.append(shape("path", { class: "grid", d: `M${SPACE.left} ${at}H${this.width - SPACE.right}` }));
      svg.append(shape("text", { x: SPACE.left - 6, y: at + 4, "text-anchor": "end" }, yText(t)));
    }
    for (const t of x.ticks(Math.max(2, this.width / 90))) {
      const at = x.at(t);
      svg.append(shape("path", { class: "axis", d: `M${at} ${bottom}v4` }));
      svg.append(shape("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, xText(t)));
    }
    svg.append(shape("path", { class: "axis", d: `M${SPACE.left} ${bottom}H${this.width - SPACE.right}` }));
    svg.append(shape("text", { x: this.width - SPACE.right, y: this.height - 4, "text-anchor": "end" }, xLabel));
  }

  measure() {
    const style = getComputedStyle(this.box);
    this.width = Math.max(240, this.box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    return this.box.clientWidth > 0;
  }

  // Chart coordinate of a pointer.
  place(event) {
    return ((event.clientX - this.svg.getBoundingClientRect().left) * this.width) / this.svg.clientWidth;
  }

  leave() {
    this.cross?.remove();
    this.tip.hide();
  }

  crossAt(x) {
    this.cross?.remove();
    this.cross = shape("path", { class: "cross", d: `M${x} ${SPACE.top}V${this.height - SPACE.bottom}` });
    this.svg.append(this.cross);
  }
}

// series(): [{name, colour, dash, x, y, top?, steps?}]; options(): {xLog, xMax, yMax, xLabel, limits,...}.
class LineChart extends Chart {
  constructor(host, caption, height, tip, series, options) {
    super(host, caption, height, tip);
    this.series = series;
    this.options = options;
    this.draw();
  }

  draw() {
    if (!this.measure()) return;
    const options = this.options(), lines = this.series();
    const finite = (values) => values.filter((v) => v !== null);
    const limits = options.limits ?? [];
    let right = Math.max(...lines.flatMap((s) => (s.x.length ? [s.x[s.x.length - 1]] : [])), options.xMax ?? 0);
    if (!(right > 0)) right = 1;
    // A bound far beyond all that happened would press the curves flat.
    for (const l of limits) if (l.at > right && l.at < right * 1.5) right = l.at * 1.02;
    let left = 0;
    if (options.xLog) {
      const positive = lines.flatMap((s) => s.x.filter((v) => v > 0).slice(0, 1));
      left = Math.max(Math.min(right / 10, ...positive), right / 1e5);
    }
    const top = options.yMax ?? Math.max(1e-9, ...lines.flatMap((s) => finite(s.top ?? s.y))) * 1.05;
    const x = (this.x = new Scale(left, right, SPACE.left, this.width - SPACE.right, options.xLog));
    const y = (this.y = new Scale(0, top, this.height - SPACE.bottom, SPACE.top));
    this.frame(x, y, options.xLabel, figureText, options.yText);
    for (const l of limits) {
      if (l.at > right || l.at < left) continue;
      const at = x.at(l.at), flip = at > this.width * 0.7;
      this.svg.append(shape("path", { class: "limit", d: `M${at} ${SPACE.top}V${this.height - SPACE.bottom}` }));
      this.svg.append(shape("text", { class: "limit", x: at + (flip ? -4 : 4), y: this.height - SPACE.bottom - 6, "text-anchor": flip ? "end" : "start" }, `${l.name} ${figureText(l.at)} s`));
    }
    for (const s of lines) {
      if (s.top) this.svg.append(shape("path", { class: "band", fill: s.colour, d: this.band(s) }));
      this.svg.append(shape("path", { class: "line", stroke: s.colour, "stroke-dasharray": DASHES[s.dash % DASHES.length], d: this.path(s) }));
    }
    this.lines = lines;
  }

  path(s) {
    let d = "", pen = "M", before = 0;
    s.x.forEach((value, k) => {
      if (s.y[k] === null) {
        pen = "M";
        return;
      }
      const px = this.x.at(value).toFixed(1), py = this.y.at(s.y[k]).toFixed(1);
      if (s.steps) d += pen === "M" ? `M${px} ${this.y.at(0)}V${py}` : `H${px}V${py}`;
      else d += `${pen}${px} ${py}`;
      pen = "L";
      before = k;
    });
    // A distribution goes on at its height to the right edge.
    if (s.steps && s.x.length) d += `H${this.width - SPACE.right}`;
    return d;
  }

  band(s) {
    const point = (k, v) => `${this.x.at(s.x[k]).toFixed(1)} ${this.y.at(v).toFixed(1)}`;
    const up = s.x.map((_, k) => point(k, s.top[k])), down = s.x.map((_, k) => point(k, s.y[k])).reverse();
    return up.length ? `M${up.join("L")}L${down.join("L")}Z` : "";
  }

  point(event) {
    if (!this.x) return;
    const px = Math.min(Math.max(this.place(event), SPACE.left), this.width - SPACE.right);
    const at = this.x.back(px), options = this.options();
    this.crossAt(px);
    const rows = this.lines.map((s) => {
      const k = indexBelow(s.x, at);
      const value = s.steps && k < 0 ? 0 : s.y[Math.max(k, 0)] ?? null;
      const more = s.top && value !== null ? ` (up to ${options.yText(s.top[Math.max(k, 0)])})` : "";
      return [s.name, value === null ? "–" : options.yText(value) + more];
    });
    this.tip.show(event, options.heading(at), rows);
  }
}

// layers(): [{name, className, y}], one upon the other, over slices of equal width.
class StackChart extends Chart {
  constructor(host, caption, height, tip, layers, options) {
    super(host, caption, height, tip);
    this.layers = layers;
    this.options = options;
    for (const layer of layers()) this.key(layer.className, layer.name);
    this.draw();
  }

  draw() {
    if (!this.measure()) return;
    const layers = this.layers(), { width, count, xLabel } = this.options();
    const sum = new Float64Array(count);
    const tops = layers.map((layer) => layer.y.map((v, k) => (sum[k] += v)));
    const x = (this.x = new Scale(0, width * count, SPACE.left, this.width - SPACE.right));
    const y = new Scale(0, Math.max(1e-9, ...sum) * 1.05, this.height - SPACE.bottom, SPACE.top);
    this.frame(x, y, xLabel);
    for (let j = layers.length - 1; j >= 0; j--) {
      let d = `M${x.at(0)} ${y.at(0)}`;
      tops[j].forEach((v, k) => (d += `V${y.at(v).toFixed(1)}H${x.at((k + 1) * width).toFixed(1)}`));
      this.svg.append(shape("path", { class: layers[j].className, d: `${d}V${y.at(0)}Z` }));
    }
  }

  point(event) {
    const { width, count, heading } = this.options();
    const px = Math.min(Math.max(this.place(event), SPACE.left), this.width - SPACE.right);
    const k = Math.min(count - 1, Math.max(0, Math.floor(this.x.back(px) / width)));
    this.crossAt(px);
    this.tip.show(event, heading(k * width), this.layers().map((l) => [l.name, figureText(l.y[k])]));
  }
}

// rows(): {values: [[...]], names: [...], most}; a row per instance, darker where there is more.
class HeatChart extends Chart {
  constructor(host, caption, tip, rows, options) {
    super(host, caption, 100, tip);
    this.rows = rows;
    this.options = options;
    this.draw();
  }

  draw() {
    if (!this.measure()) return;
    const { values, names, most } = this.rows(), { width, count, xLabel } = this.options();
    const each = Math.min(22, Math.max(7, 260 / values.length));
    this.height = SPACE.top + each * values.length + SPACE.bottom;
    const x = (this.x = new Scale(0, width * count, SPACE.left, this.width - SPACE.right));
    const y = new Scale(0, 1, this.height - SPACE.bottom, SPACE.top);
    this.frame(x, { ticks: () => [], at: (v) => y.at(v) }, xLabel);
    this.each = each;
    values.forEach((row, i) => {
      const top = SPACE.top + i * each;
      let k = 0;
      while (k < count) {
        // Neighbours of one shade are one rectangle.
        const shade = this.shade(row[k] / most);
        let end = k + 1;
        while (end < count && this.shade(row[end] / most) === shade) end++;
        if (shade) {
          const left = x.at(k * width);
          const cell = shape("rect", { x: left.toFixed(1), y: top.toFixed(1), width: (x.at(end * width) - left).toFixed(2), height: Math.max(1, each - 1).toFixed(1) });
          cell.style.fill = `rgb(var(--heat) / ${shade / 16})`;
          this.svg.append(cell);
        }
        k = end;
      }
      if (each >= 11 || i % Math.ceil(11 / each) === 0) {
        this.svg.append(shape("text", { x: SPACE.left - 6, y: top + each / 2 + 4, "text-anchor": "end" }, names[i]));
      }
    });
  }

  shade(share) {
    return share > 0 ? Math.min(16, Math.max(1, Math.round(share * 16))) : 0;
  }

  point(event) {
    const { values, names, text } = this.rows(), { width, count, heading } = this.options();
    const box = this.svg.getBoundingClientRect();
    const px = Math.min(Math.max(this.place(event), SPACE.left), this.width - SPACE.right);
    const k = Math.min(count - 1, Math.max(0, Math.floor(this.x.back(px) / width)));
    const i = Math.floor((((event.clientY - box.top) * this.height) / this.svg.clientHeight - SPACE.top) / this.each);
    if (i < 0 || i >= values.length) return this.leave();
    this.crossAt(px);
    this.tip.show(event, heading(k * width), [[`instance ${names[i]}`, text(values[i][k])]]);
  }
}
