// The item browser: a list of which only the visible part exists, filters, keys, and links to what is shown.

const ROW_HEIGHT = 58;
const SPARE = 6;
const MARKS = { 1: ["▲", "fixed"], "-1": ["▼", "broke"], 0: ["=", "same"] };

class Browser {
  constructor(items) {
    this.items = items;
    this.filters = new Filters(items);
    this.rows = [];
    this.selected = -1;
    this.list = byId("list");
    this.sheet = make("div", "sheet");
    this.sheet.setAttribute("role", "presentation");
    this.list.replaceChildren(this.sheet);
    this.drawn = new Map();
  }

  start() {
    this.fillChoices();
    this.listen();
    return this.readHash(true);
  }

  fillChoices() {
    const { items } = this;
    const options = (id, entries) => {
      byId(id).append(...entries.map(([value, words]) => Object.assign(make("option", "", plain(words)), { value })));
      byId(id).closest("label").hidden = entries.length < 2;
    };
    const temps = [...new Set(items.places.map(([temp]) => String(temp)))];
    const types = [...new Set(items.places.map(([, type]) => type))];
    options("by-metric", items.metrics.map((metric, number) => [number, metric.title]));
    options("by-dataset", items.datasets.map((name) => [name, name]));
    options("by-type", types.map((type) => [type, TYPES[type] ?? type]));
    options("by-temp", temps.map((temp) => [temp, temp]));
  }

  listen() {
    const { filters } = this;
    const on = (id, kind, act) => byId(id).addEventListener(kind, act);
    on("by-metric", "change", (event) => this.choose({ metric: Number(event.target.value) }));
    for (const name of ["dataset", "type", "temp", "arm"]) {
      on(`by-${name}`, "change", (event) => this.choose({ [name]: event.target.value }));
    }
    for (const button of document.querySelectorAll("[data-effect]")) {
      button.addEventListener("click", () => this.choose({ effect: button.dataset.effect }));
    }
    for (const button of document.querySelectorAll("[data-state]")) {
      button.addEventListener("click", () => {
        if (!filters.states.delete(button.dataset.state)) filters.states.add(button.dataset.state);
        this.choose({});
      });
    }
    let waiting = 0;
    on("search", "input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.look(event.target.value), 150);
    });
    on("reset", "click", () => {
      filters.reset();
      this.look("");
    });
    this.list.addEventListener("scroll", () => this.draw(), { passive: true });
    this.list.addEventListener("click", (event) => this.clicked(event));
    this.list.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.list);
    document.addEventListener("keydown", (event) => this.anywhere(event));
    addEventListener("hashchange", () => this.readHash(false));
    on("previous", "click", () => this.move(this.selected - 1));
    on("next", "click", () => this.move(this.selected + 1));
  }

  choose(change) {
    Object.assign(this.filters, change);
    this.refresh();
    this.writeHash();
  }

  async look(query) {
    const done = await this.filters.search(query, (part) => {
      byId("found").textContent = `Searching… ${Math.round(100 * part)} %`;
    });
    if (!done) return;
    this.refresh();
    this.writeHash();
  }

  // Filter anew; the selected item stays selected while it is among those shown.
  refresh() {
    const current = this.rows[this.selected];
    const { rows, counts } = this.filters.apply();
    this.rows = rows;
    this.showChoices(counts);
    this.sheet.style.height = `${rows.length * ROW_HEIGHT}px`;
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    const kept = current === undefined ? -1 : rows.indexOf(current);
    this.select(kept >= 0 ? kept : rows.length ? 0 : -1, false);
    this.draw();
  }

  showChoices(counts) {
    const { filters, items } = this;
    for (const button of document.querySelectorAll("[data-effect]")) {
      button.setAttribute("aria-pressed", String(button.dataset.effect === filters.effect));
      button.querySelector(".count").textContent = counts[button.dataset.effect].toLocaleString("en");
    }
    for (const button of document.querySelectorAll("[data-state]")) {
      button.setAttribute("aria-pressed", String(filters.states.has(button.dataset.state)));
      button.querySelector(".count").textContent = counts[button.dataset.state].toLocaleString("en");
    }
    byId("by-metric").value = String(filters.metric);
    for (const name of ["dataset", "type", "temp", "arm"]) byId(`by-${name}`).value = filters[name];
    if (document.activeElement !== byId("search")) byId("search").value = filters.query;
    const [shown, all] = [this.rows.length, items.count].map((number) => number.toLocaleString("en"));
    byId("found").textContent = this.rows.length === items.count ? `${all} items` : `${shown} of ${all} items`;
    byId("nothing").hidden = this.rows.length > 0;
  }

  // Keep elements for the visible rows only.
  draw() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW_HEIGHT) - SPARE);
    const last = Math.min(this.rows.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW_HEIGHT) + SPARE);
    for (const [at, element] of this.drawn) {
      if (at < first || at >= last) {
        element.remove();
        this.drawn.delete(at);
      }
    }
    for (let at = first; at < last; at += 1) {
      if (!this.drawn.has(at)) {
        const element = this.entry(at);
        this.drawn.set(at, element);
        this.sheet.append(element);
      }
    }
  }

  entry(at) {
    const { items, filters } = this;
    const row = this.rows[at];
    const [mark, effect] = MARKS[items.effect(row, filters.metric)] ?? ["·", "undefined"];
    const scores = [CONTROL, TREATMENT].map((arm) => percent(items.score(row, arm, filters.metric)));
    const icon = make("span", `mark ${effect}`, mark);
    icon.setAttribute("aria-label", effect === "same" ? "no change" : effect);
    icon.setAttribute("role", "img");
    const line = make("span", "line", make("bdi", "", plain(items.question(row).slice(0, 300))));
    const below = make("span", "below", plain(items.keys[items.item[row]].slice(0, 120)));
    const element = make("div", "entry", icon, line, make("span", "change", `${scores[0]} → ${scores[1]}`), below);
    element.style.top = `${at * ROW_HEIGHT}px`;
    element.id = `entry-${at}`;
    element.dataset.at = at;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(at === this.selected));
    element.setAttribute("aria-posinset", at + 1);
    element.setAttribute("aria-setsize", this.rows.length);
    return element;
  }

  clicked(event) {
    const entry = event.target.closest(".entry");
    if (!entry) return;
    this.move(Number(entry.dataset.at));
    if (matchMedia("(max-width: 760px)").matches) byId("detail").parentElement.scrollIntoView({ block: "nearest" });
  }

  move(to) {
    if (!this.rows.length) return;
    this.select(Math.min(Math.max(to, 0), this.rows.length - 1), true);
    this.writeHash();
  }

  select(at, scroll) {
    this.drawn.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = at;
    if (at >= 0 && scroll) this.reveal(at);
    if (at >= 0) this.list.setAttribute("aria-activedescendant", `entry-${at}`);
    else this.list.removeAttribute("aria-activedescendant");
    this.drawn.get(at)?.setAttribute("aria-selected", "true");
    byId("at").textContent = at < 0 ? "" : `${(at + 1).toLocaleString("en")} of ${this.rows.length.toLocaleString("en")}`;
    byId("previous").disabled = at <= 0;
    byId("next").disabled = at < 0 || at >= this.rows.length - 1;
    this.showDetail();
  }

  reveal(at) {
    const top = at * ROW_HEIGHT;
    const { scrollTop, clientHeight } = this.list;
    if (top < scrollTop) this.list.scrollTop = top;
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) this.list.scrollTop = top + ROW_HEIGHT - clientHeight;
    this.draw();
  }

  async showDetail() {
    const row = this.rows[this.selected];
    const parts = row === undefined ? [] : await detailOf(this.items, row, this.filters.metric);
    if (row !== this.rows[this.selected]) return;
    byId("detail").replaceChildren(...parts);
    byId("detail").scrollTop = 0;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW_HEIGHT) - 1);
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.move(this.selected + steps[event.key]);
    else if (event.key === "Home") this.move(0);
    else if (event.key === "End") this.move(this.rows.length - 1);
    else if (event.key === "Enter") byId("detail").focus();
    else return;
    event.preventDefault();
  }

  anywhere(event) {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      byId("search").focus();
      event.preventDefault();
    } else if (event.key === "Escape" && event.target.closest("#items")) {
      this.list.focus();
    }
  }

  // The address says what is shown, so that it can be sent to somebody.
  writeHash() {
    const told = this.filters.toHash();
    const row = this.rows[this.selected];
    if (row !== undefined) {
      const [temp, type] = this.items.places[this.items.place[row]];
      told.set("item", this.items.keys[this.items.item[row]]);
      told.set("at", `${type} ${temp}`);
    }
    history.replaceState(null, "", `#${told}`);
  }

  async readHash(first) {
    const told = new URLSearchParams(location.hash.slice(1));
    if (!location.hash.includes("=")) {
      if (first) this.refresh();
      return;
    }
    this.filters.fromHash(told);
    await this.filters.search(this.filters.query, () => {});
    this.refresh();
    const at = this.rows.findIndex((row) => {
      const [temp, type] = this.items.places[this.items.place[row]];
      const here = !told.get("at") || `${type} ${temp}` === told.get("at");
      return here && this.items.keys[this.items.item[row]] === told.get("item");
    });
    this.select(at >= 0 ? at : this.rows.length ? 0 : -1, true);
    byId("items").scrollIntoView();
  }
}
