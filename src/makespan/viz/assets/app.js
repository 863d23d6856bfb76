// Interaction: view state, pan, zoom, hover, selection, search, keyboard, print.

class Gantt {
  constructor() {
    this.model = decode(JSON.parse(document.getElementById("plan").textContent));
    this.axis = new Axis(this.model.raw);
    this.canvas = document.getElementById("chart");
    this.tip = document.getElementById("tip");
    this.painter = new Painter(this.canvas, this.model, this.axis);
    const m = this.model, span = m.end - m.start;
    this.full = [m.start - span * 0.008, m.end + span * 0.03];
    [this.from, this.to] = this.full;
    this.mark = new Uint8Array(m.n);
    this.matches = null;
    this.matchList = [];
    this.selected = -1;
    this.hover = -1;
    this.scroll = 0;
    this.zoomRows = 1;
    this.folded = new Set();
    this.showCritical = false;
    this.printing = false;
    this.relations = null;
    this.grouping = m.raw.grouping;
    this.readTheme();
    this.bind();
    this.resize();
    this.setGrouping(this.grouping);
    this.legend();
    this.frame();
    performance.mark("gantt-painted");
  }

  // ---- geometry ------------------------------------------------------------------------------

  get left() {
    return this.labelWidth;
  }

  get scale() {
    return (this.width - this.left) / (this.to - this.from);
  }

  get bottom() {
    return this.height - (this.printing ? 0 : OVERVIEW_HEIGHT);
  }

  get contentHeight() {
    return this.tops[this.rows.length];
  }

  time(x) {
    return this.from + (x - this.left) / this.scale;
  }

  resize() {
    this.measure();
    if (this.rows) this.layout();
    this.request();
  }

  // Takes the size of the surrounding box; the canvas is touched only if that changed.
  measure() {
    const box = this.canvas.parentElement.getBoundingClientRect();
    const width = Math.max(320, Math.floor(box.width)), height = Math.max(160, Math.floor(box.height));
    if (width === this.width && height === this.height) return;
    if (width !== this.width) {
      this.width = width;
      this.labelWidth = Math.round(Math.min(220, Math.max(92, width * 0.16)));
      this.overview = this.profile();
      this.marks = null;
    }
    this.height = height;
    this.fitCanvas();
  }

  fitCanvas() {
    this.ratio = this.printing ? 2 : Math.min(window.devicePixelRatio || 1, 2.5);
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.canvas.style.width = this.width + "px";
    this.canvas.style.height = this.height + "px";
  }

  layout() {
    const units = this.rows.reduce((sum, row) => sum + row.size, 0);
    if (!this.printing) {
      // Few rows do not need the whole window.
      const natural = AXIS_HEIGHT + OVERVIEW_HEIGHT + 4 + units * 36 * this.zoomRows;
      this.canvas.parentElement.style.maxHeight = Math.ceil(Math.max(190, natural)) + "px";
      this.measure();
    }
    const room = this.bottom - AXIS_HEIGHT;
    const base = Math.min(36, Math.max(17, room / Math.max(units, 1))) * this.zoomRows;
    this.tops = new Float64Array(this.rows.length + 1);
    this.rows.forEach((row, k) => {
      const least = row.type === "load" || row.type === "level" ? 40 : 0;
      this.tops[k + 1] = this.tops[k] + Math.max(least, row.size * base);
    });
    this.clampScroll();
  }

  clampScroll() {
    const most = Math.max(0, this.contentHeight - (this.bottom - AXIS_HEIGHT));
    this.scroll = Math.min(Math.max(0, this.scroll), most);
  }

  // Number of running tasks in each of some hundred slices of the whole range.
  profile() {
    const slices = Math.max(50, Math.min(600, Math.floor((this.width - this.left) / 2)));
    const m = this.model, width = (this.full[1] - this.full[0]) / slices;
    const change = new Float64Array(slices + 1);
    for (let i = 0; i < m.n; i++) {
      if (!isPresent(m, i) || m.taskEnd[i] === m.taskStart[i]) continue;
      const a = (m.taskStart[i] - this.full[0]) / width, b = (m.taskEnd[i] - this.full[0]) / width;
      const p = Math.floor(a), q = Math.min(slices - 1, Math.floor(b));
      // Exact mean over a slice: a ramp at both ends.
      change[p] += p + 1 - a;
      change[p + 1] += a - p;
      change[q] -= q + 1 - b;
      change[q + 1] -= b - q;
    }
    const profile = new Float64Array(slices);
    let running = 0, peak = 1;
    for (let p = 0; p < slices; p++) {
      running += change[p];
      profile[p] = running;
      peak = Math.max(peak, running);
    }
    return { profile, peak: Math.round(peak), full: this.full };
  }

  // ---- state ---------------------------------------------------------------------------------

  setGrouping(kind) {
    const make = { resource: rowsByResource, job: rowsByJob, task: rowsByTask };
    this.grouping = kind;
    this.rows = make[kind](this.model, this.folded);
    this.places = null;
    this.layout();
    for (const button of document.querySelectorAll("[data-grouping]")) {
      button.setAttribute("aria-pressed", String(button.dataset.grouping === kind));
    }
    this.request();
  }

  setRange(from, to) {
    const least = Math.min(4, (this.full[1] - this.full[0]) / 4);
    const most = (this.full[1] - this.full[0]) * 1.5;
    let span = Math.min(most, Math.max(least, to - from));
    const middle = (from + to) / 2;
    if (span !== to - from) {
      from = middle - span / 2;
      to = middle + span / 2;
    }
    const slack = span * 0.9;
    const shift = Math.max(this.full[0] - slack - from, 0) || Math.min(this.full[1] + slack - to, 0);
    this.from = from + shift;
    this.to = to + shift;
    this.request();
  }

  zoom(factor, x = (this.left + this.width) / 2) {
    const pin = this.time(x), least = Math.min(4, (this.full[1] - this.full[0]) / 4);
    const span = this.to - this.from;
    const next = Math.min((this.full[1] - this.full[0]) * 1.5, Math.max(least, span / factor));
    const share = (pin - this.from) / span;
    this.setRange(pin - share * next, pin + (1 - share) * next);
  }

  pan(dx, dy = 0) {
    const ticks = dx / this.scale;
    this.setRange(this.from + ticks, this.to + ticks);
    this.scroll += dy;
    this.clampScroll();
    this.request();
  }

  reset() {
    this.scroll = 0;
    this.zoomRows = 1;
    this.layout();
    this.setRange(...this.full);
  }

  setCritical(on) {
    this.showCritical = on && this.model.hasCritical;
    this.marks = null;
    document.getElementById("critical").setAttribute("aria-pressed", String(this.showCritical));
    this.request();
  }

  select(task) {
    const m = this.model;
    this.mark.fill(0);
    this.marks = null;
    this.selected = task;
    this.relations = null;
    if (task >= 0) {
      const j = m.job[task];
      if (j >= 0) for (let i = 0; i < m.n; i++) if (m.job[i] === j) this.mark[i] = MARK.JOB;
      const rel = relations(m);
      this.relations = [];
      for (const [side, other, code] of [["into", rel.source, MARK.BEFORE], ["out", rel.target, MARK.AFTER]]) {
        for (let q = rel[side].ptr[task]; q < rel[side].ptr[task + 1]; q++) {
          const p = rel[side].order[q];
          if (!isPresent(m, other[p])) continue;
          this.mark[other[p]] = code;
          this.relations.push({
            source: rel.source[p], target: rel.target[p], kind: rel.kind[p],
            minimum: rel.minimum[p], maximum: rel.maximum[p],
          });
        }
      }
      this.mark[task] = MARK.SELECTED;
    }
    showDetails(this, task);
    this.request();
  }

  // Height of a task's bar on the canvas, by its first row; undefined if it has none.
  middle(task) {
    if (!this.places) {
      this.places = new Map();
      this.rows.forEach((row, k) => {
        for (const i of row.items ? row.items.task : []) if (!this.places.has(i)) this.places.set(i, k);
      });
    }
    const k = this.places.get(task);
    return k === undefined ? undefined : AXIS_HEIGHT + (this.tops[k] + this.tops[k + 1]) / 2 - this.scroll;
  }

  // Scrolls and pans so that a task can be seen.
  reveal(task) {
    const m = this.model;
    const k = this.rows.findIndex((row) => row.items && row.items.task.includes(task));
    if (k >= 0) {
      const room = this.bottom - AXIS_HEIGHT;
      if (this.tops[k] < this.scroll || this.tops[k + 1] > this.scroll + room) {
        this.scroll = this.tops[k] - room / 2;
        this.clampScroll();
      }
    }
    const span = this.to - this.from;
    if (m.taskStart[task] < this.from || m.taskEnd[task] > this.to) {
      const middle = (m.taskStart[task] + m.taskEnd[task]) / 2;
      const wide = Math.max(span, (m.taskEnd[task] - m.taskStart[task]) * 1.4);
      this.setRange(middle - wide / 2, middle + wide / 2);
    }
    this.request();
  }

  find(text) {
    const m = this.model, wanted = text.trim().toLowerCase();
    this.matchList = [];
    this.marks = null;
    this.matches = wanted ? new Uint8Array(m.n) : null;
    if (wanted) {
      for (let i = 0; i < m.n; i++) {
        if (!isPresent(m, i) || !m.taskName(i).toLowerCase().includes(wanted)) continue;
        this.matches[i] = 1;
        this.matchList.push(i);
      }
      this.matchList.sort((a, b) => m.taskStart[a] - m.taskStart[b] || a - b);
    }
    this.matchAt = -1;
    const note = !wanted ? "" : this.matchList.length === 1 ? "1 task" : `${grouping(this.matchList.length)} tasks`;
    document.getElementById("found").textContent = note;
    this.request();
  }

  nextMatch(step) {
    if (!this.matchList.length) return;
    const count = this.matchList.length;
    this.matchAt = (((this.matchAt + step) % count) + count) % count;
    this.select(this.matchList[this.matchAt]);
    this.reveal(this.selected);
    document.getElementById("found").textContent = `${this.matchAt + 1} of ${grouping(count)}`;
  }

  // Along a row (step ±1), or to the nearest task in time of a neighbouring row (±1).
  walk(along, across) {
    const rows = this.rows;
    let at = rows.findIndex((row) => row.items && row.items.task.includes(this.selected));
    if (at < 0) {
      const first = rows.find((row) => row.items && row.items.task.length);
      if (first) this.select(first.items.task[0]);
    } else if (along) {
      const list = rows[at].items.task, next = list[list.indexOf(this.selected) + along];
      if (next !== undefined) this.select(next);
    } else {
      const start = this.model.taskStart[this.selected];
      for (at += across; at >= 0 && at < rows.length; at += across) {
        const items = rows[at].items;
        if (!items || !items.task.length) continue;
        this.select(items.task[Math.max(0, bisect(items.begin, start) - 1)]);
        break;
      }
    }
    if (this.selected >= 0) this.reveal(this.selected);
  }

  // ---- what lies under the pointer -----------------------------------------------------------

  rowAt(y) {
    if (y < AXIS_HEIGHT || y >= this.bottom) return -1;
    const k = bisect(this.tops, y - AXIS_HEIGHT + this.scroll) - 1;
    return k < this.rows.length ? k : -1;
  }

  // {row, task, piece} at a point; tolerance of 3 pixels helps with tiny bars.
  hit(x, y) {
    const k = this.rowAt(y);
    if (k < 0 || x < this.left) return null;
    const row = this.rows[k], t = this.time(x), near = 3 / this.scale;
    const found = { row, task: -1, piece: "run", time: t };
    if (!row.items) return found;
    const search = (list) => {
      let best = -1, distance = near;
      for (let q = Math.max(0, bisect(list.finish, t - near) - 2); q < list.begin.length; q++) {
        if (list.begin[q] > t + near * 3) break;
        const round = list.begin[q] === list.finish[q] ? near * 2 : 0;
        const off = Math.max(list.begin[q] - t, t - list.finish[q], 0) - round;
        if (off < distance) {
          best = q;
          distance = off;
        }
      }
      return best < 0 ? -1 : list.task[best];
    };
    found.task = search(row.items);
    if (found.task < 0 || !(this.model.taskStart[found.task] <= t && t < this.model.taskEnd[found.task])) {
      for (const piece of ["setup", "blocked"]) {
        const other = row[piece] ? search(row[piece]) : -1;
        if (other >= 0 && found.task < 0) {
          found.task = other;
          found.piece = piece;
        }
      }
    }
    return found;
  }

  // ---- frames --------------------------------------------------------------------------------

  // Tasks to show in full colour (others are dimmed), or null for all.
  chosen() {
    if (this.selected >= 0) return this.mark;
    if (this.matches) return this.matches;
    return this.showCritical ? this.model.critical : null;
  }

  // Where chosen tasks are in the whole plan, at most one per slice; null marks are recomputed.
  overviewMarks(chosen) {
    if (!chosen) return [];
    if (!this.marks) {
      const slices = this.overview.profile.length, span = this.full[1] - this.full[0];
      const found = new Set();
      for (let i = 0; i < this.model.n; i++) {
        if (!chosen[i] || !isPresent(this.model, i)) continue;
        const middle = (this.model.taskStart[i] + this.model.taskEnd[i]) / 2;
        found.add(Math.floor(((middle - this.full[0]) / span) * slices));
      }
      this.marks = Array.from(found, (slice) => this.full[0] + ((slice + 0.5) / slices) * span);
    }
    return this.marks;
  }

  request() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.pending = false;
    const began = performance.now();
    const { mark, showCritical } = this, chosen = this.chosen();
    const bright = chosen ? (i) => chosen[i] > 0 : () => true;
    const words = { resource: "resource", job: "job", task: "task" };
    this.painter.paint({
      from: this.from, to: this.to, scale: this.scale, left: this.left,
      width: this.width, height: this.height, bottom: this.bottom, ratio: this.ratio,
      rows: this.rows, tops: this.tops, scroll: this.scroll,
      mark, showCritical, bright, hover: this.hover, selected: this.selected,
      relations: this.relations, middle: (i) => this.middle(i), overview: this.printing ? null : { ...this.overview, marks: this.overviewMarks(chosen) },
      corner: words[this.grouping],
    });
    const data = this.canvas.dataset;
    data.from = String(this.from);
    data.to = String(this.to);
    data.frame = (performance.now() - began).toFixed(2);
    data.frames = String(Number(data.frames || 0) + 1);
  }

  readTheme() {
    this.painter.setTheme(readTheme(document.documentElement));
  }

  legend() {
    const holder = document.getElementById("legend");
    holder.textContent = "";
    for (const entry of legendEntries(this.model)) {
      const item = document.createElement("span");
      item.className = "key";
      const swatch = document.createElement("canvas");
      swatch.width = 52;
      swatch.height = 28;
      swatch.setAttribute("aria-hidden", "true");
      const c = swatch.getContext("2d");
      c.scale(2, 2);
      entry.draw(c, this.painter);
      const text = document.createElement("span");
      text.textContent = entry.label;
      item.append(swatch, text);
      holder.append(item);
    }
  }

  bind() {
    bindPointer(this);
    bindKeyboard(this);
    bindToolbar(this);
    new ResizeObserver(() => this.printing || this.resize()).observe(this.canvas.parentElement);
    const restyle = () => {
      this.readTheme();
      this.legend();
      this.request();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    const printed = (on) => {
      if (on === this.printing) return;
      this.printing = on;
      document.documentElement.classList.toggle("printing", on);
      if (on) {
        this.width = 1040;
        this.height = 1e6;
        this.layout();
        this.height = Math.min(8000, AXIS_HEIGHT + this.contentHeight + 2);
        this.scroll = 0;
        this.fitCanvas();
        this.readTheme();
        this.frame();
        this.legend();
      } else {
        this.readTheme();
        this.legend();
        this.height = 0;
        this.resize();
        // The box gets its screen size back only after this event.
        setTimeout(() => this.resize(), 60);
      }
    };
    addEventListener("beforeprint", () => printed(true));
    addEventListener("afterprint", () => printed(false));
    matchMedia("print").addEventListener("change", (event) => printed(event.matches));
  }
}

window.gantt = new Gantt();
