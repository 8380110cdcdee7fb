import type { Category, Product } from "../src/catalogue/product.ts";
import { drawFakePicture } from "./fakePicture.ts";

type SortKey = [number | string, string];

/** How each order compares two products; ties are broken by id, as keyset pagination needs. */
const SORT_KEYS: Record<string, { key: (product: Product) => SortKey; descending: boolean }> = {
  newest: { key: (product) => [product.createdAt, product.id], descending: true },
  price_asc: { key: (product) => [product.price.amount, product.id], descending: false },
  price_desc: { key: (product) => [product.price.amount, product.id], descending: true },
  name: { key: (product) => [product.name, product.id], descending: false },
};

/**
 * A FAKE of the product service's public API, for unit tests and for work on the pages without
 * a cluster. It is never part of the built shop.
 *
 * It keeps the products in memory, and answers as the real service does: keyset pagination
 * behind an opaque cursor, and problem documents (RFC 9457) for what goes wrong.
 */
export class FakeCatalogue {
  /** While false, every request is answered like by a gateway whose service is away. */
  available = true;
  /** A cursor that is no longer accepted. */
  refusedCursor: string | null = null;
  /** The path and query of every request so far. */
  readonly requests: string[] = [];

  /** What the shop has; tests may add to it. */
  readonly products: Product[];
  readonly #categoryNames: Record<string, string>;

  constructor(products: Product[], categoryNames: Record<string, string> = {}) {
    this.products = products;
    this.#categoryNames = categoryNames;
  }

  /** Answers a request for a path below /api/. */
  handle(request: Request): Response {
    const url = new URL(request.url);
    this.requests.push(url.pathname + url.search);
    if (!this.available) {
      return problem(503, "Service Unavailable", "No product service can be reached.");
    }
    const [, , collection, id, part] = url.pathname.split("/");
    if (collection === "categories" && id === undefined) {
      return json({ items: this.#categories() });
    }
    if (collection !== "products") {
      return problem(404, "Not Found", `There is nothing at ${url.pathname}.`);
    }
    if (id === undefined) {
      return this.#list(url.searchParams);
    }
    const product = this.products.find((candidate) => candidate.id === id);
    if (product === undefined) {
      return problem(404, "Not Found", `There is no product ${id}.`);
    }
    return part === "picture" ? svg(drawFakePicture(product)) : json(product);
  }

  #list(search: URLSearchParams): Response {
    const order = SORT_KEYS[search.get("sort") ?? "newest"];
    const limit = Number(search.get("limit") ?? 24);
    if (order === undefined || !(limit >= 1 && limit <= 100)) {
      return problem(422, "Unprocessable Content", "sort or limit is not allowed.");
    }
    const category = search.get("category");
    if (category !== null && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(category)) {
      return problem(422, "Unprocessable Content", "category is no slug.");
    }
    const query = search.get("q")?.toLowerCase() ?? "";
    const direction = order.descending ? -1 : 1;
    const after = search.get("after");
    if (after !== null && after === this.refusedCursor) {
      return problem(422, "Unprocessable Content", "after is no cursor of this listing.");
    }
    const lastKey = after === null ? null : (JSON.parse(atob(after)) as SortKey);
    const rest = this.products
      .filter((product) => category === null || product.category === category)
      .filter((product) => `${product.name} ${product.description}`.toLowerCase().includes(query))
      .sort((a, b) => direction * compare(order.key(a), order.key(b)))
      .filter((product) => lastKey === null || direction * compare(order.key(product), lastKey) > 0);
    const items = rest.slice(0, limit);
    const last = items.at(-1);
    const more = rest.length > limit && last !== undefined;
    return json({ items, nextCursor: more ? btoa(JSON.stringify(order.key(last))) : null });
  }

  #categories(): Category[] {
    const slugs = [...new Set(this.products.map((product) => product.category))].sort();
    return slugs.map((slug) => ({
      slug,
      name: this.#categoryNames[slug] ?? slug,
      count: this.products.filter((product) => product.category === slug).length,
    }));
  }
}

function compare(a: SortKey, b: SortKey): number {
  if (a[0] !== b[0]) {
    return a[0] < b[0] ? -1 : 1;
  }
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

function json(body: unknown): Response {
  return new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
}

function svg(body: string): Response {
  return new Response(body, { headers: { "Content-Type": "image/svg+xml" } });
}

function problem(status: number, title: string, detail: string): Response {
  return new Response(JSON.stringify({ type: "about:blank", status, title, detail }), {
    status,
    headers: { "Content-Type": "application/problem+json" },
  });
}
