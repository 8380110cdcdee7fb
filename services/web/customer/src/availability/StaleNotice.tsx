import styles from "./StaleNotice.module.css";

/** Tells that what is on the page could not be refreshed just now. */
export function StaleNotice() {
  return (
    <p className={styles.notice} role="status">
      We can’t reach the shop right now, so prices and stock may be a few moments old. Reconnecting…
    </p>
  );
}
