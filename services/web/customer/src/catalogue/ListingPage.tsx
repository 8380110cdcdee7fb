import { useNavigate, useParams, useSearchParams } from "react-router";

import { StaleNotice } from "../availability/StaleNotice";
import { Unavailable } from "../availability/Unavailable";
import { NotFoundPage } from "../shell/NotFoundPage";
import { PageTitle } from "../shell/PageTitle";
import { PAGE_SIZE } from "./api";
import { CategoryNav, CategoryNavSkeleton } from "./CategoryNav";
import { categoryName } from "./categoryName";
import { Hero } from "./Hero";
import { addressOfListing, listingFromAddress, type Listing } from "./listing";
import styles from "./ListingPage.module.css";
import { LoadMore } from "./LoadMore";
import { NothingFound } from "./NothingFound";
import type { Category } from "./product";
import { ProductGrid, ProductGridSkeleton } from "./ProductGrid";
import { useCategories, useListing } from "./queries";
import { SortSelect } from "./SortSelect";

/** All products, those of a category, or those that a search found. */
export function ListingPage() {
  const { category } = useParams();
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const listing = listingFromAddress(category, search);
  const categories = useCategories();
  const found = useListing(listing);

  if (found.refused) {
    return <NotFoundPage />;
  }
  if (found.failed) {
    return (
      <>
        <PageTitle page={null} />
        <Unavailable trying={found.fetching} onRetry={found.retry} />
      </>
    );
  }
  const greeting = listing.category === null && listing.query === "";
  const title = titleOf(listing, categories);
  // Nothing found for the last listing says nothing about this one.
  const products = found.outdated && found.products?.length === 0 ? undefined : found.products;
  const empty = products?.length === 0;
  return (
    <>
      <PageTitle page={greeting ? null : title} />
      {greeting && <Hero products={found.products} categories={categories} />}
      {categories === undefined ? <CategoryNavSkeleton /> : <CategoryNav categories={categories} listing={listing} />}
      {found.stale && <StaleNotice />}
      {empty ? (
        <NothingFound listing={listing} categories={categories} />
      ) : (
        <div className={styles.head}>
          {greeting ? <h2 className={styles.subtitle}>{title}</h2> : <h1 className={styles.title}>{title}</h1>}
          <SortSelect
            sort={listing.sort}
            onChange={(sort) => {
              void navigate(addressOfListing({ ...listing, sort }), { preventScrollReset: true });
            }}
          />
        </div>
      )}
      <p className="visually-hidden" role="status">
        {announcement(products?.length, found.hasMore)}
      </p>
      {products === undefined && <ProductGridSkeleton count={PAGE_SIZE / 2} />}
      {products !== undefined && !empty && (
        <>
          <ProductGrid products={products} level={greeting ? 3 : 2} dimmed={found.outdated} />
          {found.hasMore && <LoadMore listing={found} />}
        </>
      )}
    </>
  );
}

function titleOf({ category, query }: Listing, categories: Category[] | undefined): string {
  const name = category === null ? null : categoryName(category, categories);
  if (query !== "") {
    return name === null ? `Results for “${query}”` : `“${query}” in ${name}`;
  }
  return name ?? "All products";
}

function announcement(count: number | undefined, hasMore: boolean): string {
  if (count === undefined) {
    return "Loading products";
  }
  return hasMore ? `${count} products shown, more available` : `${count} products shown`;
}
