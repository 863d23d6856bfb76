// Time axis: tick positions and texts, in ticks or in dates. Dates are wall-clock times of the
// plan's own origin, so they do not depend on where the reader sits.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const DATE_STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
];

function grouping(value) {
  const text = String(Math.abs(value)), cut = text.split(".");
  cut[0] = cut[0].replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return (value < 0 ? "\u2212" : "") + cut.join(".");
}

function pad(value, width = 2) {
  return String(value).padStart(width, "0");
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= least) return factor * power;
  return 10 * power;
}

class Axis {
  constructor(raw) {
    this.unit = raw.unit;
    this.unitWords = raw.unitWords;
    this.origin = raw.origin;
    this.zone = raw.zone;
    this.tickMs = raw.tickMs;
    this.dated = this.origin !== null && this.tickMs !== null;
    this.showDates = this.dated;
  }

  // Text of an instant: a date when dates are shown, else ticks.
  text(tick) {
    if (!Number.isFinite(tick)) return "–";
    return this.showDates ? this.dateText(tick) : grouping(tick);
  }

  // Both notations, for tooltips.
  fullText(tick) {
    return this.dated ? `${grouping(tick)}  (${this.dateText(tick)})` : grouping(tick);
  }

  length(ticks) {
    if (!this.unit) return grouping(ticks);
    return `${grouping(ticks)} ${Math.abs(ticks) === 1 ? this.unit : this.unitWords}`;
  }

  dateText(tick) {
    const d = new Date(this.origin + tick * this.tickMs);
    if (Number.isNaN(d.getTime())) return grouping(tick);
    let text = `${DAYS[d.getUTCDay()]} ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
    const within = (this.origin + tick * this.tickMs) % DAY;
    if (within || this.tickMs < DAY) text += ` ${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}`;
    if (this.tickMs < MINUTE) text += `:${pad(d.getUTCSeconds())}`;
    if (this.tickMs < SECOND) text += `.${pad(d.getUTCMilliseconds(), 3)}`;
    return text;
  }

  // Ticks of the visible range: [{time, label, strong}] and the context line above them.
  ticks(from, to, pixels) {
    return this.showDates ? this.dateTicks(from, to, pixels) : this.plainTicks(from, to, pixels);
  }

  plainTicks(from, to, pixels) {
    const step = niceStep(((to - from) / pixels) * 84), out = [];
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      out.push({ time: t, label: grouping(t), strong: false });
    }
    return { marks: out, context: [{ time: from, label: `time in ${this.unitWords}` }] };
  }

  dateTicks(from, to, pixels) {
    const least = Math.max(((to - from) / pixels) * 78 * this.tickMs, this.tickMs);
    const step = DATE_STEPS.find((s) => s >= least && (s % this.tickMs === 0 || s >= this.tickMs));
    if (step === undefined || step >= 7 * DAY) return this.monthTicks(from, to, pixels, least);
    const a = this.origin + from * this.tickMs, b = this.origin + to * this.tickMs;
    const marks = [], context = [];
    for (let ms = Math.ceil(a / step) * step; ms <= b; ms += step) {
      const d = new Date(ms);
      const midnight = ms % DAY === 0;
      let label;
      if (step >= DAY) label = `${DAYS[d.getUTCDay()]} ${d.getUTCDate()}`;
      else if (step >= MINUTE) label = `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}`;
      else label = `${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}${step < SECOND ? "." + pad(d.getUTCMilliseconds(), 3) : ""}`;
      marks.push({ time: (ms - this.origin) / this.tickMs, label, strong: midnight });
    }
    const unit = step >= DAY ? "month" : "day";
    this.contextMarks(a, b, unit, context);
    return { marks, context };
  }

  contextMarks(a, b, unit, context) {
    const floor = new Date(a);
    if (unit === "month") floor.setUTCDate(1);
    floor.setUTCHours(0, 0, 0, 0);
    let guard = 0;
    for (const d = floor; d.getTime() <= b && guard < 4000; guard++) {
      const label = unit === "month"
        ? `${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`
        : `${DAYS[d.getUTCDay()]} ${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`;
      context.push({ time: (d.getTime() - this.origin) / this.tickMs, label });
      if (unit === "month") d.setUTCMonth(d.getUTCMonth() + 1);
      else d.setUTCDate(d.getUTCDate() + 1);
    }
  }

  monthTicks(from, to, pixels, least) {
    const a = this.origin + from * this.tickMs, b = this.origin + to * this.tickMs;
    const months = least / (30.44 * DAY);
    const step = months > 12 ? 12 * niceStep(months / 12) : [1, 3, 6, 12].find((m) => m >= months);
    const d = new Date(a);
    d.setUTCHours(0, 0, 0, 0);
    d.setUTCDate(1);
    const marks = [], context = [];
    d.setUTCMonth(Math.floor(d.getUTCMonth() / Math.min(step, 12)) * Math.min(step, 12));
    if (step > 12) d.setUTCFullYear(Math.floor(d.getUTCFullYear() / (step / 12)) * (step / 12));
    for (let guard = 0; d.getTime() <= b && guard < 4000; guard++) {
      const time = (d.getTime() - this.origin) / this.tickMs;
      if (step < 12) {
        marks.push({ time, label: MONTHS[d.getUTCMonth()], strong: d.getUTCMonth() === 0 });
        if (d.getUTCMonth() < step || !context.length) context.push({ time, label: String(d.getUTCFullYear()) });
      } else {
        marks.push({ time, label: String(d.getUTCFullYear()), strong: false });
      }
      d.setUTCMonth(d.getUTCMonth() + step);
    }
    return { marks, context };
  }
}
