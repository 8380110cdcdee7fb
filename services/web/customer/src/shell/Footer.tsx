import { Link } from "react-router";

import { useCategories } from "../catalogue/queries";
import { addressOfListing, DEFAULT_SORT } from "../catalogue/listing";
import { useShopConfig } from "../shop/config";
import styles from "./Footer.module.css";

/** The end of every page: the way into each category. */
export function Footer() {
  const name = useShopConfig()?.shopName;
  const categories = useCategories();
  return (
    <footer className={styles.footer}>
      <div className={styles.row}>
        <p className={styles.name}>{name}</p>
        {categories !== undefined && categories.length > 0 && (
          <nav aria-label="All categories">
            <ul className={styles.links}>
              {categories.map((category) => (
                <li key={category.slug}>
                  <Link
                    to={addressOfListing({ category: category.slug, query: "", sort: DEFAULT_SORT })}
                    className={styles.link}
                  >
                    {category.name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
        )}
      </div>
    </footer>
  );
}
