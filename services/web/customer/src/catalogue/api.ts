import { ApiError, getJson } from "../http/getJson";
import type { Listing } from "./listing";
import type { Category, Product, ProductPage } from "./product";

/** A multiple of 2, 3 and 4, so that full pages fill the rows of the grid. */
export const PAGE_SIZE = 24;

/** One page of a listing, from `cursor` on (null: the first). */
export async function fetchProductPage(
  listing: Listing,
  cursor: string | null,
  { limit = PAGE_SIZE, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<ProductPage> {
  const search = new URLSearchParams({ limit: String(limit), sort: listing.sort });
  if (listing.category !== null) {
    search.set("category", listing.category);
  }
  if (listing.query !== "") {
    search.set("q", listing.query);
  }
  if (cursor !== null) {
    search.set("after", cursor);
  }
  const page = await getList<ProductPage>(`/api/products?${search.toString()}`, signal);
  return { items: page.items, nextCursor: page.nextCursor ?? null };
}

/** One product; an `ApiError` with status 404 when there is none of that id. */
export async function fetchProduct(id: string, signal?: AbortSignal): Promise<Product> {
  return (await getJson(`/api/products/${encodeURIComponent(id)}`, signal)) as Product;
}

/** All categories, in the order in which the shop presents them. */
export async function fetchCategories(signal?: AbortSignal): Promise<Category[]> {
  return (await getList<{ items: Category[] }>("/api/categories", signal)).items;
}

async function getList<T extends { items: unknown[] }>(path: string, signal?: AbortSignal): Promise<T> {
  const body = await getJson(path, signal);
  if (typeof body !== "object" || body === null || !("items" in body) || !Array.isArray(body.items)) {
    throw new ApiError(502, `${path} answered without items`);
  }
  return body as T;
}
