/** The orders a listing can have, as the API names them, and how customers read them. */
export const SORT_LABELS = {
  newest: "Newest first",
  price_asc: "Price: low to high",
  price_desc: "Price: high to low",
  name: "Name: A to Z",
} as const;

export type Sort = keyof typeof SORT_LABELS;

export const DEFAULT_SORT: Sort = "newest";

/** What a customer asked to see. */
export interface Listing {
  /** The slug of a category, or null for all. */
  category: string | null;
  /** What was searched for; empty when nothing was. */
  query: string;
  sort: Sort;
}

/** Whether `value` is an order that the API knows. */
export function isSort(value: string | null): value is Sort {
  return value !== null && Object.hasOwn(SORT_LABELS, value);
}

/** The listing that an address of the shop stands for; what makes no sense in it is ignored. */
export function listingFromAddress(category: string | undefined, search: URLSearchParams): Listing {
  const sort = search.get("sort");
  return {
    category: category ?? null,
    query: (search.get("q") ?? "").trim(),
    sort: isSort(sort) ? sort : DEFAULT_SORT,
  };
}

/** The address of a listing: defaults are left out, so that the same listing has one address. */
export function addressOfListing({ category, query, sort }: Listing): string {
  const search = new URLSearchParams();
  if (query !== "") {
    search.set("q", query);
  }
  if (sort !== DEFAULT_SORT) {
    search.set("sort", sort);
  }
  const path = category === null ? "/" : `/category/${encodeURIComponent(category)}`;
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}
