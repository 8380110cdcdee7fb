import { Link } from "react-router";

import styles from "./CategoryNav.module.css";
import { addressOfListing, type Listing } from "./listing";
import type { Category } from "./product";

interface Props {
  categories: Category[];
  /** The listing on the page; its search and order stay when the category changes. */
  listing: Listing;
}

/** Narrows the listing to one category, or widens it to all. */
export function CategoryNav({ categories, listing }: Props) {
  const all: Category = {
    slug: "",
    name: "All",
    count: categories.reduce((sum, category) => sum + category.count, 0),
  };
  return (
    <nav className={styles.nav} aria-label="Categories">
      <ul className={styles.list}>
        {[all, ...categories].map(({ slug, name, count }) => (
          <li key={slug}>
            <Link
              to={addressOfListing({ ...listing, category: slug === "" ? null : slug })}
              className={styles.link}
              aria-current={(listing.category ?? "") === slug ? "page" : undefined}
              data-testid="category-link"
            >
              {name}
              {/* The counts are of the whole catalogue: beside a search they would mislead. */}
              {listing.query === "" && (
                <span className={styles.count}>
                  {count}
                  <span className="visually-hidden"> products</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Keeps the place of the navigation until the categories are known. */
export function CategoryNavSkeleton() {
  return (
    <div className={styles.skeleton} aria-hidden="true">
      {[5, 8, 9, 7, 10].map((width) => (
        <span key={width} className={styles.pill} style={{ width: `${width}rem` }} />
      ))}
    </div>
  );
}
