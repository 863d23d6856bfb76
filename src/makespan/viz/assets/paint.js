// Draws the visible part of the chart on a canvas. Work per frame is bounded by what is in view:
// rows outside it are skipped, bars are found by bisection, bars below a pixel are merged.

const AXIS_HEIGHT = 40, OVERVIEW_HEIGHT = 34, SCROLLBAR = 10;
const MARK = { NONE: 0, JOB: 1, BEFORE: 2, AFTER: 3, SELECTED: 4 };

function readTheme(element) {
  const style = getComputedStyle(element), theme = {};
  for (const key of ["ground", "panel", "ink", "soft", "faint", "line", "down", "zebra", "setup",
    "load", "over", "limit", "focus", "match"]) {
    theme[key] = style.getPropertyValue("--" + key).trim();
  }
  theme.font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  return theme;
}

// Tile of a hatch: 0 none, 1 rising, 2 falling, 3 dots, 4 level lines, 5 crossed.
function hatchTile(kind, colour, size = 7) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const c = tile.getContext("2d");
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = 1.4;
  const line = (x0, y0, x1, y1) => {
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
    c.stroke();
  };
  if (kind === 1 || kind === 5) for (const s of [-size, 0, size]) line(s - 1, size + 1, s + size + 1, -1);
  if (kind === 2 || kind === 5) for (const s of [-size, 0, size]) line(s - 1, -1, s + size + 1, size + 1);
  if (kind === 3) {
    c.beginPath();
    c.arc(size / 2, size / 2, 1.5, 0, 7);
    c.fill();
  }
  if (kind === 4) line(0, size / 2, size, size / 2);
  return tile;
}

class Painter {
  constructor(canvas, model, axis) {
    this.canvas = canvas;
    this.c = canvas.getContext("2d");
    this.model = model;
    this.axis = axis;
    this.palette = model.raw.palette;
    this.inks = model.raw.inks;
    this.hatches = model.raw.hatches;
    this.widths = new Map();
    this.patterns = new Map();
    this.style = new Int32Array(model.n);
    const shades = this.palette.length;
    for (let i = 0; i < model.n; i++) {
      const j = model.job[i];
      this.style[i] = j < 0 ? i % shades : j % (shades * this.hatches);
    }
  }

  setTheme(theme) {
    this.theme = theme;
    this.patterns.clear();
  }

  pattern(kind, colour) {
    const key = kind + colour;
    if (!this.patterns.has(key)) {
      this.patterns.set(key, this.c.createPattern(hatchTile(kind, colour), "repeat"));
    }
    const made = this.patterns.get(key);
    made.setTransform(new DOMMatrix([1, 0, 0, 1, this.swim, this.drop]));
    return made;
  }

  textWidth(text) {
    let width = this.widths.get(this.c.font + text);
    if (width === undefined) {
      if (this.widths.size > 20000) this.widths.clear();
      width = this.c.measureText(text).width;
      this.widths.set(this.c.font + text, width);
    }
    return width;
  }

  clipText(text, room) {
    if (this.textWidth(text) <= room) return text;
    let keep = Math.floor((text.length * room) / this.textWidth(text)) - 1;
    while (keep > 1 && this.textWidth(text.slice(0, keep) + "…") > room) keep--;
    return keep > 1 ? text.slice(0, keep) + "…" : "";
  }

  // A name, or enough of it to know the task by. Names like "activity 12" end in the only number
  // they hold; that number says most.
  shortName(name, room) {
    if (this.textWidth(name) <= room) return name;
    const tail = /^\D+?[\s_-]?(\d+)$/.exec(name);
    const shown = tail ? "…" + tail[1] : this.clipText(name, room);
    return this.textWidth(shown) <= room && shown.length >= (tail ? 2 : 7) ? shown : "";
  }

  x(time) {
    return this.view.left + (time - this.view.from) * this.view.scale;
  }

  // view: from, to, scale (px per tick), left (label width), width, height, rows, tops, scroll,
  // unitHeight, mark, matches, showCritical, bright(task), hover, selected, overview
  paint(view) {
    const c = this.c;
    this.view = view;
    this.swim = (((-view.from * view.scale) % 7) + 7) % 7 + view.left;
    this.drop = (((AXIS_HEIGHT - view.scroll) % 7) + 7) % 7;
    c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    c.fillStyle = this.theme.ground;
    c.fillRect(0, 0, view.width, view.height);
    c.save();
    c.beginPath();
    c.rect(0, AXIS_HEIGHT, view.width, view.bottom - AXIS_HEIGHT);
    c.clip();
    const first = Math.max(0, bisect(view.tops, view.scroll) - 1);
    const shown = [];
    for (let k = first; k < view.rows.length; k++) {
      const y = AXIS_HEIGHT + view.tops[k] - view.scroll;
      if (y > view.bottom) break;
      shown.push({ row: view.rows[k], y, h: view.tops[k + 1] - view.tops[k], k });
    }
    for (const s of shown) this.ground(s);
    this.grid();
    c.save();
    c.beginPath();
    c.rect(view.left, AXIS_HEIGHT, view.width - view.left, view.bottom - AXIS_HEIGHT);
    c.clip();
    for (const s of shown) {
      if (s.row.type === "load") drawLoad(this, s);
      else if (s.row.type === "level") drawLevel(this, s);
      else if (s.row.type === "total") drawTotal(this, s);
    }
    this.bars(shown.filter((s) => s.row.items));
    this.markers(shown);
    this.arrows();
    c.restore();
    this.labels(shown);
    c.restore();
    this.drawAxis();
    this.scrollbar();
    if (view.overview) this.drawOverview();
  }

  ground({ row, y, h, k }) {
    const c = this.c, view = this.view;
    if (k % 2 && row.type === "bars" && !row.inner) {
      c.fillStyle = this.theme.zebra;
      c.fillRect(0, y, view.width, h);
    }
    if (row.calendar >= 0) {
      const breaks = this.model.breaks[row.calendar];
      c.fillStyle = this.theme.down;
      let low = 0, high = breaks.length / 2;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (breaks[2 * middle + 1] > view.from) high = middle;
        else low = middle + 1;
      }
      let last = -1;
      for (let b = low; b < breaks.length / 2 && breaks[2 * b] < view.to; b++) {
        const x0 = Math.max(view.left, this.x(breaks[2 * b]));
        const x1 = Math.min(view.width, this.x(breaks[2 * b + 1]));
        if (x1 - last < 0.5) continue;
        c.fillRect(x0, y, Math.max(x1 - x0, 0.6), h);
        last = x1;
      }
    }
    const next = view.rows[k + 1];
    if (!next || !next.inner || row.type === "load") {
      c.fillStyle = this.theme.line;
      c.fillRect(0, Math.round(y + h) - 1, view.width, 1);
    }
  }

  grid() {
    const c = this.c, view = this.view;
    this.ticks = this.axis.ticks(view.from, view.to, view.width - view.left);
    for (const mark of this.ticks.marks) {
      c.fillStyle = mark.strong ? this.theme.faint : this.theme.line;
      c.fillRect(Math.round(this.x(mark.time)), AXIS_HEIGHT, 1, view.bottom - AXIS_HEIGHT);
    }
  }

  // Bars of all shown rows, collected by style so that the fill changes rarely.
  bars(shown) {
    const c = this.c, view = this.view, model = this.model;
    const shades = this.palette.length;
    const plain = new Map(), dim = new Map(), hatched = new Map();
    const texts = [], outlines = [], diamonds = [], rests = [];
    const put = (map, key, x, y, w, h) => {
      let list = map.get(key);
      if (!list) map.set(key, (list = []));
      list.push(x, y, w, h);
    };
    for (const { row, y, h } of shown) {
      const { task, begin, finish } = row.items;
      const top = y + Math.max(1, h * 0.09), height = Math.max(2, h - Math.max(2, h * 0.18) - 1);
      this.decor(row, top, height);
      let k = bisect(finish, view.from);
      while (k > 0 && finish[k - 1] >= view.from - 8 / view.scale && begin[k - 1] === finish[k - 1]) k--;
      let lastBright = -1, lastDim = -1;
      for (; k < task.length && begin[k] <= view.to; k++) {
        const i = task[k];
        const bright = view.bright(i);
        const a = this.x(begin[k]);
        if (begin[k] === finish[k]) {
          const spot = Math.floor(a * 2);
          if (bright ? spot === lastBright : spot === lastDim) continue;
          diamonds.push(i, a, y + h / 2, Math.min(height, 16) / 2, bright);
          continue;
        }
        const b = this.x(finish[k]);
        let x = Math.max(a, view.left - 4), w = Math.min(b, view.width + 4) - x;
        if (b - a < 1) {
          const pixel = Math.floor(a);
          if (bright) {
            if (pixel === lastBright) continue;
            lastBright = pixel;
          } else {
            if (pixel === lastDim) continue;
            lastDim = pixel;
          }
          x = pixel;
          w = 1;
        } else if (b - a > 3) {
          w -= 1;
        }
        const style = this.style[i];
        const rest = model.suspendedOf.ptr[i] < model.suspendedOf.ptr[i + 1] && b - a > 4;
        if (rest) {
          rests.push(i, top, height, bright);
        } else {
          put(bright ? plain : dim, style % shades, x, top, w, height);
          if (bright && w > 11 && style >= shades) put(hatched, style, x, top, w, height);
        }
        if (bright && (view.mark[i] > 1 || (view.showCritical && model.critical[i]) || i === view.hover)) {
          outlines.push(i, x, top, w, height);
        }
        if (w > 20 && height >= 9 && bright) texts.push(i, x, top, w, height);
      }
    }
    const flush = (map, fill) => {
      for (const [key, list] of map) {
        c.fillStyle = fill(key);
        for (let q = 0; q < list.length; q += 4) c.fillRect(list[q], list[q + 1], list[q + 2], list[q + 3]);
      }
    };
    c.globalAlpha = 0.26;
    flush(dim, (key) => this.palette[key]);
    c.globalAlpha = 1;
    flush(plain, (key) => this.palette[key]);
    for (let q = 0; q < rests.length; q += 4) this.resting(rests[q], rests[q + 1], rests[q + 2], rests[q + 3]);
    c.globalAlpha = 0.42;
    flush(hatched, (key) => this.pattern(Math.floor(key / shades), this.inks[key % shades]));
    c.globalAlpha = 1;
    for (let q = 0; q < diamonds.length; q += 5) {
      this.diamond(diamonds[q], diamonds[q + 1], diamonds[q + 2], diamonds[q + 3], diamonds[q + 4]);
    }
    for (let q = 0; q < outlines.length; q += 5) {
      this.outline(outlines[q], outlines[q + 1], outlines[q + 2], outlines[q + 3], outlines[q + 4]);
    }
    this.texts(texts);
  }

  texts(list) {
    const c = this.c, shades = this.palette.length;
    c.textBaseline = "middle";
    c.textAlign = "left";
    for (let q = 0; q < list.length; q += 5) {
      const i = list[q], x = list[q + 1], w = list[q + 3], h = list[q + 4];
      c.font = `${Math.min(12, Math.max(9, Math.floor(h * 0.62)))}px ${this.theme.font}`;
      const name = this.model.taskName(i);
      let shown = name;
      if (this.textWidth(name) > w - 7) {
        c.font = `9px ${this.theme.font}`;
        shown = this.shortName(name, w - 5);
        if (!shown) continue;
      }
      const style = this.style[i], ink = this.inks[style % shades];
      const y = list[q + 2] + h / 2 + 0.5;
      if (style >= shades) {
        c.fillStyle = this.palette[style % shades];
        const tall = Math.min(h, 14);
        c.fillRect(x + 2, y - tall / 2, this.textWidth(shown) + 3, tall);
      }
      c.fillStyle = ink;
      c.fillText(shown, x + 3.5, y);
    }
  }

  // A task that its calendars interrupt: full height while it works, a thin bar while it rests.
  resting(i, top, height, bright) {
    const c = this.c, model = this.model;
    c.globalAlpha = bright ? 1 : 0.26;
    c.fillStyle = this.palette[this.style[i] % this.palette.length];
    let from = model.taskStart[i];
    const of = model.suspendedOf;
    for (let q = of.ptr[i]; q <= of.ptr[i + 1]; q++) {
      const last = q === of.ptr[i + 1];
      const piece = last ? -1 : of.order[q];
      const until = last ? model.taskEnd[i] : model.suspended.start[piece];
      const a = this.x(from), b = this.x(until);
      if (until > from) c.fillRect(a, top, Math.max(1, b - a), height);
      if (last) break;
      const e = this.x(model.suspended.end[piece]);
      c.fillRect(b, top + height * 0.4, e - b, Math.max(1.5, height * 0.2));
      from = model.suspended.end[piece];
    }
    c.globalAlpha = 1;
  }

  decor(row, top, height) {
    for (const kind of ["setup", "blocked"]) {
      const list = row[kind];
      if (!list) continue;
      const c = this.c, view = this.view;
      let last = -1;
      for (let k = bisect(list.finish, view.from); k < list.begin.length && list.begin[k] <= view.to; k++) {
        const a = this.x(list.begin[k]), b = this.x(list.finish[k]);
        if (b - a < 1 && Math.floor(a) === last) continue;
        last = Math.floor(a);
        const w = Math.max(1, b - a - (b - a > 3 ? 1 : 0));
        c.globalAlpha = view.bright(list.task[k]) ? 1 : 0.25;
        if (kind === "setup") {
          c.fillStyle = this.theme.setup;
          c.fillRect(a, top + height * 0.28, w, height * 0.44);
          if (w > 4) {
            c.fillStyle = this.pattern(5, this.theme.ground);
            c.fillRect(a, top + height * 0.28, w, height * 0.44);
          }
        } else {
          const colour = this.palette[this.style[list.task[k]] % this.palette.length];
          c.fillStyle = this.pattern(1, colour);
          c.fillRect(a, top, w, height);
          if (w > 3) {
            c.strokeStyle = colour;
            c.lineWidth = 1;
            c.strokeRect(a + 0.5, top + 0.5, w - 1, height - 1);
          }
        }
        c.globalAlpha = 1;
      }
    }
  }

  diamond(i, x, y, r, bright) {
    const c = this.c;
    c.globalAlpha = bright ? 1 : 0.25;
    c.beginPath();
    c.moveTo(x, y - r);
    c.lineTo(x + r, y);
    c.lineTo(x, y + r);
    c.lineTo(x - r, y);
    c.closePath();
    c.fillStyle = this.palette[this.style[i] % this.palette.length];
    c.fill();
    const strong = this.view.mark[i] > 1 || i === this.view.hover
      || (this.view.showCritical && this.model.critical[i]);
    c.strokeStyle = this.theme.ink;
    c.lineWidth = strong ? 2.4 : 1;
    c.stroke();
    c.globalAlpha = 1;
  }

  outline(i, x, y, w, h) {
    const c = this.c, mark = this.view.mark[i];
    if (w < 9) {
      c.fillStyle = this.theme.ink;
      c.fillRect(x, y, Math.max(1, w), 2);
      c.fillRect(x, y + h - 2, Math.max(1, w), 2);
      return;
    }
    c.strokeStyle = this.theme.ink;
    c.lineWidth = mark === MARK.SELECTED ? 3 : 2;
    c.setLineDash(mark === MARK.BEFORE ? [5, 3] : mark === MARK.AFTER ? [2, 2] : []);
    c.strokeRect(x + 1, y + 1, w - 2, h - 2);
    c.setLineDash([]);
  }

  markers(shown) {
    const c = this.c, view = this.view, model = this.model;
    const x = Math.round(this.x(model.makespan));
    c.strokeStyle = this.theme.ink;
    c.lineWidth = 1.5;
    c.setLineDash([6, 4]);
    c.beginPath();
    c.moveTo(x + 0.5, AXIS_HEIGHT);
    c.lineTo(x + 0.5, view.bottom);
    c.stroke();
    c.setLineDash([]);
    for (const { row, y, h } of shown) {
      if (row.job === undefined || row.lane) continue;
      if (row.job >= 0) this.due(model.jobDue[row.job], row.items, y, h);
      if (row.items.task.length === 1) this.due(model.due[row.items.task[0]], row.items, y, h);
    }
    if (view.selected >= 0) {
      const i = view.selected;
      const due = Number.isFinite(model.due[i]) ? model.due[i] : model.jobDue[model.job[i]];
      if (Number.isFinite(due)) {
        c.fillStyle = this.theme.over;
        c.fillRect(Math.round(this.x(due)), AXIS_HEIGHT, 1.5, view.bottom - AXIS_HEIGHT);
      }
    }
  }

  // A flag at a due date: hollow when met, filled when late.
  due(time, items, y, h) {
    if (!Number.isFinite(time)) return;
    const c = this.c, x = this.x(time);
    if (x < this.view.left - 9 || x > this.view.width + 9) return;
    let done = -Infinity;
    for (const end of items.finish) if (end > done) done = end;
    c.strokeStyle = c.fillStyle = done > time ? this.theme.over : this.theme.ink;
    c.lineWidth = 1.5;
    c.beginPath();
    c.moveTo(x, y + h - 1);
    c.lineTo(x, y + 2);
    c.lineTo(x + 7, y + 2 + Math.min(5, h / 4));
    c.lineTo(x, y + 2 + Math.min(10, h / 2));
    if (done > time) c.fill();
    c.stroke();
  }

  // Arrows from the selected task's predecessors and to its successors, or along the critical
  // chain. A row out of sight still gives its arrows a direction.
  arrows() {
    const view = this.view;
    const list = view.selected >= 0 ? view.relations : view.showCritical ? this.model.chain : [];
    const c = this.c;
    c.lineWidth = view.selected >= 0 ? 1.6 : 1.2;
    c.strokeStyle = c.fillStyle = this.theme.ink;
    for (const r of list) {
      const y0 = view.middle(r.source), y1 = view.middle(r.target);
      if (y0 === undefined || y1 === undefined) continue;
      if (Math.max(y0, y1) < AXIS_HEIGHT || Math.min(y0, y1) > view.bottom) continue;
      const kind = r.kind;
      const x0 = this.x(kind === 1 || kind === 3 ? this.model.taskStart[r.source] : this.model.taskEnd[r.source]);
      const x1 = this.x(kind === 2 || kind === 3 ? this.model.taskEnd[r.target] : this.model.taskStart[r.target]);
      if (Math.max(x0, x1) < view.left - 20 || Math.min(x0, x1) > view.width + 20) continue;
      if (Math.abs(x1 - x0) < 3 && y0 === y1) continue;
      const reach = Math.max(14, Math.min(60, Math.abs(x1 - x0) / 2));
      c.beginPath();
      c.moveTo(x0, y0);
      c.bezierCurveTo(x0 + reach, y0, x1 - reach, y1, x1 - 5, y1);
      c.stroke();
      c.beginPath();
      c.moveTo(x1, y1);
      c.lineTo(x1 - 8, y1 - 4);
      c.lineTo(x1 - 8, y1 + 4);
      c.fill();
    }
  }

  labels(shown) {
    const c = this.c, view = this.view;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, AXIS_HEIGHT, view.left, view.bottom - AXIS_HEIGHT);
    c.textBaseline = "middle";
    c.textAlign = "left";
    for (const { row, y, h, k } of shown) {
      const next = view.rows[k + 1];
      if (!next || !next.inner || row.type === "load") {
        c.fillStyle = this.theme.line;
        c.fillRect(0, Math.round(y + h) - 1, view.left, 1);
      }
      const small = h < 13;
      if (row.label && h >= 6) {
        c.fillStyle = row.soft ? this.theme.soft : this.theme.ink;
        c.font = `${small ? Math.max(8, Math.floor(h - 2)) : 12}px ${this.theme.font}`;
        const mark = row.folds ? (row.folded ? "▸ " : "▾ ") : "";
        const middle = row.type === "load" || row.type === "level" ? y + Math.min(h / 2, 12) : y + h / 2;
        c.fillText(this.clipText(mark + row.label, view.left - 16), 8, middle);
      }
      c.font = `10px ${this.theme.font}`;
      c.fillStyle = this.theme.soft;
      if (row.type === "load") {
        const [, most] = extremes(this.model.raw.load[row.resource].value);
        const [least, top] = extremes(this.model.raw.limit[row.resource].value);
        c.fillText(this.clipText(`peak ${grouping(most)} of ${least === top ? grouping(top) : `${grouping(least)}–${grouping(top)}`}`, view.left - 24), 20, y + 27);
      }
      if (row.type === "level") {
        const raw = this.model.raw.resources, r = row.resource;
        c.fillText(this.clipText(`level ${raw.minimum[r]} to ${raw.capacity[r] === null ? "∞" : grouping(raw.capacity[r])}`, view.left - 24), 20, y + 27);
      }
      if (row.note) {
        c.fillStyle = this.theme.over;
        c.fillText(row.note, 8, y + h / 2);
      }
    }
    c.fillStyle = this.theme.faint;
    c.fillRect(view.left - 1, AXIS_HEIGHT, 1, view.bottom - AXIS_HEIGHT);
  }

  drawAxis() {
    const c = this.c, view = this.view;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, 0, view.width, AXIS_HEIGHT);
    c.fillStyle = this.theme.faint;
    c.fillRect(0, AXIS_HEIGHT - 1, view.width, 1);
    c.save();
    c.beginPath();
    c.rect(view.left, 0, view.width - view.left, AXIS_HEIGHT);
    c.clip();
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.font = `11px ${this.theme.font}`;
    const context = this.ticks.context;
    context.forEach((entry, k) => {
      const x = Math.max(this.x(entry.time), view.left);
      const until = k + 1 < context.length ? this.x(context[k + 1].time) : view.width;
      if (until < view.left || x > view.width) return;
      if (k > 0 && this.x(entry.time) >= view.left) {
        c.fillStyle = this.theme.faint;
        c.fillRect(Math.round(x), 0, 1, 20);
      }
      c.fillStyle = this.theme.soft;
      const text = this.clipText(entry.label, until - x - 8);
      if (text) c.fillText(text, x + 5, 11);
    });
    c.fillStyle = this.theme.ink;
    for (const mark of this.ticks.marks) {
      const x = this.x(mark.time);
      c.fillRect(Math.round(x), AXIS_HEIGHT - 6, 1, 6);
      c.textAlign = "center";
      const half = this.textWidth(mark.label) / 2;
      if (x - half >= view.left + 2 && x + half <= view.width) c.fillText(mark.label, x, AXIS_HEIGHT - 14);
      c.textAlign = "left";
    }
    const end = this.x(this.model.makespan);
    if (end > view.left && end < view.width) {
      const text = `makespan ${this.axis.text(this.model.makespan)}`;
      c.font = `bold 11px ${this.theme.font}`;
      const w = this.textWidth(text);
      const x = Math.min(end - w - 8, view.width - w - 8);
      c.fillStyle = this.theme.ink;
      c.fillRect(x, 2, w + 8, 16);
      c.fillStyle = this.theme.ground;
      c.fillText(text, x + 4, 10.5);
    }
    c.restore();
    c.fillStyle = this.theme.soft;
    c.font = `11px ${this.theme.font}`;
    c.fillText(this.clipText(view.corner, view.left - 14), 8, AXIS_HEIGHT - 14);
  }

  scrollbar() {
    const c = this.c, view = this.view;
    const total = view.tops[view.rows.length], room = view.bottom - AXIS_HEIGHT;
    if (total <= room + 1) return;
    const x = view.width - SCROLLBAR;
    const tall = Math.max(24, (room * room) / total);
    const y = AXIS_HEIGHT + ((room - tall) * view.scroll) / (total - room);
    c.globalAlpha = 0.55;
    c.fillStyle = this.theme.soft;
    c.fillRect(x + 2, y, SCROLLBAR - 4, tall);
    c.globalAlpha = 1;
  }

  // Whole plan at the foot: how many tasks run at a time, and the part in view.
  drawOverview() {
    const c = this.c, view = this.view, y = view.bottom;
    const wide = view.width - view.left;
    c.fillStyle = this.theme.panel;
    c.fillRect(0, y, view.width, OVERVIEW_HEIGHT);
    c.fillStyle = this.theme.faint;
    c.fillRect(0, y, view.width, 1);
    const full = view.overview.full, profile = view.overview.profile, peak = view.overview.peak;
    const k = wide / (full[1] - full[0]);
    c.fillStyle = this.theme.load;
    for (let p = 0; p < profile.length; p++) {
      const h = (profile[p] / peak) * (OVERVIEW_HEIGHT - 8);
      c.fillRect(view.left + (p * wide) / profile.length, y + OVERVIEW_HEIGHT - 2 - h, wide / profile.length + 0.5, h);
    }
    const a = Math.max(view.left, view.left + (view.from - full[0]) * k);
    const b = Math.min(view.width, view.left + (view.to - full[0]) * k);
    c.globalAlpha = 0.72;
    c.fillStyle = this.theme.panel;
    c.fillRect(view.left, y + 1, a - view.left, OVERVIEW_HEIGHT);
    c.fillRect(b, y + 1, view.width - b, OVERVIEW_HEIGHT);
    c.globalAlpha = 1;
    c.strokeStyle = this.theme.focus;
    c.lineWidth = 2;
    c.strokeRect(a + 1, y + 2, Math.max(3, b - a - 2), OVERVIEW_HEIGHT - 4);
    c.fillStyle = this.theme.soft;
    c.font = `11px ${this.theme.font}`;
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.fillText(this.clipText(`running tasks, peak ${grouping(peak)}`, view.left - 14), 8, y + OVERVIEW_HEIGHT / 2);
  }
}
