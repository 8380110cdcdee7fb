import styles from "./LoadMore.module.css";
import type { GrowingListing } from "./queries";

/** The way to the next page of a listing, which grows below the present one. */
export function LoadMore({ listing }: { listing: GrowingListing }) {
  const { fetchingNext, nextFailed, loadMore } = listing;
  return (
    <div className={styles.more}>
      {nextFailed && (
        <p role="alert" className={styles.problem}>
          The shop is temporarily unavailable, so the next products could not be loaded. We keep trying.
        </p>
      )}
      <button
        type="button"
        className="button"
        aria-disabled={fetchingNext}
        onClick={loadMore}
        data-testid="load-more"
      >
        {fetchingNext ? "Loading…" : "Show more products"}
      </button>
    </div>
  );
}
