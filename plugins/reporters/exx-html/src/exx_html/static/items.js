// The items: unpacked from the compressed blocks in the page, the index at once and the texts when they are wanted.

function bytesOf(text) {
  const raw = atob(text.trim());
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return bytes;
}

async function unpack(element) {
  const stream = new Blob([bytesOf(element.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const CONTROL = 0;
const TREATMENT = 1;
const FAILED = 1;
const TRUNCATED = 2;

class Items {
  constructor(index) {
    Object.assign(this, index);
    this.count = this.item.length;
    this.blocks = new Map();
    this.datasets = [...new Set(this.keys.map(datasetOf))];
    this.dataset = this.keys.map((key) => this.datasets.indexOf(datasetOf(key)));
    this.haystack = new Array(this.count);
  }

  metricNamed(name) {
    return this.metrics.findIndex((metric) => metric.name === name);
  }

  score(row, arm, metric) {
    return metric < 0 ? null : this.scores[arm][metric][row];
  }

  // 1: the treatment did better; −1: it did worse; 0: no change; null: not both arms have a value.
  effect(row, metric) {
    const control = this.score(row, CONTROL, metric);
    const treatment = this.score(row, TREATMENT, metric);
    if (control === null || treatment === null) return null;
    const good = this.metrics[metric].better === false ? -1 : 1;
    return Math.sign(treatment - control) * good;
  }

  has(row, arm, state) {
    if (state === "failed") return (this.counts[arm][FAILED][row] ?? 0) > 0;
    if (state === "truncated") return (this.counts[arm][TRUNCATED][row] ?? 0) > 0;
    const metric = state === "abstained" ? "abstain_rate" : "unsupported_rate";
    return (this.score(row, arm, this.metricNamed(metric)) ?? 0) > 0;
  }

  question(row) {
    return this.questions[this.item[row]] ?? this.keys[this.item[row]];
  }

  // One entry of a kind of text; undefined where the page has no block for it.
  async text(kind, number) {
    const size = this.sizes[kind];
    const id = `exx-${kind}-${Math.floor(number / size)}`;
    if (!this.blocks.has(id)) {
      const element = byId(id);
      this.blocks.set(id, element ? unpack(element) : null);
    }
    const block = await this.blocks.get(id);
    return block ? block[number % size] : undefined;
  }

  // Everything of a row that a search looks through, in lower case.
  async searched(row) {
    if (this.haystack[row] === undefined) {
      const item = this.item[row];
      const [answers, right] = [await this.text("answers", row), await this.text("right", item)];
      const texts = [this.keys[item], this.questions[item] ?? "", ...(right?.[0] ?? []), ...(answers ?? []).flat(2)];
      this.haystack[row] = texts.filter(Boolean).join("\n").toLowerCase();
    }
    return this.haystack[row];
  }
}

function datasetOf(key) {
  const name = key.split("|", 1)[0];
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
