import {
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useQuery,
  type UseQueryResult,
} from "@tanstack/react-query";

import { useKeepTrying } from "../availability/useKeepTrying";
import { isTransient } from "../http/getJson";
import { fetchCategories, fetchProduct, fetchProductPage } from "./api";
import { DEFAULT_SORT, type Listing } from "./listing";
import type { Category, Product } from "./product";

/** A listing that grows page by page. */
export interface GrowingListing {
  /** What has been loaded so far; undefined before the first answer. */
  products: Product[] | undefined;
  /** The first page could not be loaded for now. */
  failed: boolean;
  /** The shop says that there can be no such listing. */
  refused: boolean;
  /** A further page could not be loaded. */
  nextFailed: boolean;
  /** What is shown could not be refreshed. */
  stale: boolean;
  /** What is shown belongs to the listing asked for before this one. */
  outdated: boolean;
  /** An attempt is under way. */
  fetching: boolean;
  fetchingNext: boolean;
  hasMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

/** Loads a listing; whatever fails is tried again until it succeeds. */
export function useListing(listing: Listing): GrowingListing {
  const query = useInfiniteQuery({
    queryKey: ["products", listing],
    queryFn: ({ pageParam, signal }) => fetchProductPage(listing, pageParam, { signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
  });
  const missing = query.isError && query.data === undefined;
  const refused = missing && !isTransient(query.error);
  const nextFailed = query.isFetchNextPageError;
  const retry = () => {
    void query.refetch({ cancelRefetch: false });
  };
  const loadMore = () => {
    void query.fetchNextPage({ cancelRefetch: false });
  };
  // A cursor that the shop refuses stays refused: then everything is loaded anew, with fresh ones.
  useKeepTrying(query.isError && !refused, nextFailed && isTransient(query.error) ? loadMore : retry);

  return {
    products: query.data && withoutRepeats(query.data.pages.flatMap((page) => page.items)),
    failed: missing && !refused,
    refused,
    nextFailed,
    stale: query.isRefetchError,
    outdated: query.isPlaceholderData,
    fetching: query.isFetching,
    fetchingNext: query.isFetchingNextPage,
    hasMore: query.hasNextPage,
    loadMore,
    retry,
  };
}

/** Loads one product; keeps trying unless the shop says that there is none. */
export function useProduct(id: string): UseQueryResult<Product> {
  const query = useQuery({
    queryKey: ["product", id],
    queryFn: ({ signal }) => fetchProduct(id, signal),
  });
  useKeepTrying(query.isError && isTransient(query.error), () => {
    void query.refetch({ cancelRefetch: false });
  });
  return query;
}

/** The categories, or undefined until they are known. */
export function useCategories(): Category[] | undefined {
  const query = useQuery(categoriesQuery);
  useKeepTrying(query.isError, () => {
    void query.refetch({ cancelRefetch: false });
  });
  return query.data;
}

/** The newest products of a category (null: of all), or undefined until they are known. */
export function useNewest(category: string | null, limit: number): Product[] | undefined {
  const listing: Listing = { category, query: "", sort: DEFAULT_SORT };
  return useQuery({
    queryKey: ["newest", category, limit],
    queryFn: ({ signal }) => fetchProductPage(listing, null, { limit, signal }),
  }).data?.items;
}

const categoriesQuery = queryOptions({
  queryKey: ["categories"],
  queryFn: ({ signal }) => fetchCategories(signal),
});

/** A product that changed between two pages may be on both: the first place counts. */
function withoutRepeats(products: Product[]): Product[] {
  const seen = new Set<string>();
  return products.filter(({ id }) => !seen.has(id) && seen.add(id));
}
