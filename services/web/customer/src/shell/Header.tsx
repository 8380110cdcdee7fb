import { Link } from "react-router";

import { useShopConfig } from "../shop/config";
import styles from "./Header.module.css";
import { SearchBox } from "./SearchBox";

/** The brand and the search, always within reach. */
export function Header() {
  const config = useShopConfig();
  return (
    <header className={styles.header}>
      <div className={styles.row}>
        <Link to="/" className={styles.brand}>
          <Mark />
          <span className={styles.name}>{config?.shopName ?? "\u00a0"}</span>
        </Link>
        <SearchBox />
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg className={styles.mark} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="10" />
      <path className={styles.bag} d="M9 13h14l-1.2 10.2H10.2z" />
      <path className={styles.handle} d="M12 15v-3.5a4 4 0 0 1 8 0V15" />
    </svg>
  );
}
