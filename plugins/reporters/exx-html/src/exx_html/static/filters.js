// Which items are in the list: what was chosen above it, and how many items each choice would leave.

const EFFECTS = { fixed: 1, broke: -1, same: 0 };
const STATES = ["abstained", "unsupported", "truncated", "failed"];
const SLICE_MS = 12;

class Filters {
  constructor(items) {
    this.items = items;
    this.reset();
    this.found = null;
    this.searches = 0;
  }

  reset() {
    const primary = this.items.metricNamed(this.items.primary);
    Object.assign(this, { metric: Math.max(primary, 0), effect: "all", arm: "either", states: new Set() });
    Object.assign(this, { dataset: "", type: "", temp: "", query: "" });
  }

  // The items of the chosen dataset, type, temperature and words.
  inScope(row) {
    const [temp, type] = this.items.places[this.items.place[row]];
    if (this.type && type !== this.type) return false;
    if (this.temp !== "" && String(temp) !== this.temp) return false;
    if (this.dataset && this.items.datasets[this.items.dataset[this.items.item[row]]] !== this.dataset) return false;
    return this.found === null || this.found[row] === 1;
  }

  hasState(row, state) {
    const control = this.arm !== "treatment" && this.items.has(row, CONTROL, state);
    return control || (this.arm !== "control" && this.items.has(row, TREATMENT, state));
  }

  // The rows to show, and counts for the buttons: each effect and state by itself, within the scope.
  apply() {
    const rows = [];
    const counts = { all: 0, fixed: 0, broke: 0, same: 0, abstained: 0, unsupported: 0, truncated: 0, failed: 0 };
    for (let row = 0; row < this.items.count; row += 1) {
      if (!this.inScope(row)) continue;
      const effect = this.items.effect(row, this.metric);
      counts.all += 1;
      for (const name of Object.keys(EFFECTS)) if (effect === EFFECTS[name]) counts[name] += 1;
      let wanted = this.effect === "all" || effect === EFFECTS[this.effect];
      for (const state of STATES) {
        const has = this.hasState(row, state);
        if (has) counts[state] += 1;
        else if (this.states.has(state)) wanted = false;
      }
      if (wanted) rows.push(row);
    }
    return { rows, counts };
  }

  // Look through all texts in slices, so that the page goes on answering; false when another search took over.
  async search(query, progress) {
    const number = (this.searches += 1);
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.query = query;
    if (!words.length) {
      this.found = null;
      return true;
    }
    const found = new Uint8Array(this.items.count);
    let since = performance.now();
    for (let row = 0; row < this.items.count; row += 1) {
      const text = this.items.haystack[row] ?? (await this.items.searched(row));
      found[row] = words.every((word) => text.includes(word)) ? 1 : 0;
      if (performance.now() - since > SLICE_MS) {
        progress(row / this.items.count);
        await new Promise((done) => setTimeout(done));
        since = performance.now();
        if (number !== this.searches) return false;
      }
    }
    if (number !== this.searches) return false;
    this.found = found;
    return true;
  }

  toHash() {
    const told = new URLSearchParams();
    const { items } = this;
    if (items.metrics[this.metric] && items.metrics[this.metric].name !== items.primary) {
      told.set("metric", items.metrics[this.metric].name);
    }
    if (this.effect !== "all") told.set("show", this.effect);
    if (this.states.size) told.set("state", [...this.states].join(","));
    if (this.arm !== "either") told.set("arm", this.arm);
    for (const name of ["dataset", "type", "temp"]) if (this[name]) told.set(name, this[name]);
    if (this.query) told.set("q", this.query);
    return told;
  }

  fromHash(told) {
    this.reset();
    const metric = this.items.metricNamed(told.get("metric"));
    if (metric >= 0) this.metric = metric;
    if (told.get("show") in EFFECTS) this.effect = told.get("show");
    this.states = new Set((told.get("state") ?? "").split(",").filter((state) => STATES.includes(state)));
    if (["control", "treatment"].includes(told.get("arm"))) this.arm = told.get("arm");
    if (this.items.datasets.includes(told.get("dataset"))) this.dataset = told.get("dataset");
    if (this.items.places.some(([, type]) => type === told.get("type"))) this.type = told.get("type");
    if (this.items.places.some(([temp]) => String(temp) === told.get("temp"))) this.temp = told.get("temp");
    this.query = told.get("q") ?? "";
  }
}
