import { useEffect, useRef, useState, type SubmitEvent } from "react";
import { useLocation, useNavigate, useSearchParams } from "react-router";

import { addressOfListing, listingFromAddress } from "../catalogue/listing";
import styles from "./SearchBox.module.css";

/** How long typing pauses before it counts as a search. */
const PAUSE_MS = 250;

/**
 * Searches the whole shop: while typing on a listing, on Enter anywhere.
 *
 * The address is the truth about what is searched for; the box shows it, and follows when it
 * changes for another reason (back, the brand link).
 */
export function SearchBox() {
  const { pathname } = useLocation();
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const listing = listingFromAddress(undefined, search);
  const [text, setText] = useState(listing.query);
  const [shown, setShown] = useState(listing.query);
  const [sent, setSent] = useState(listing.query);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);

  if (shown !== listing.query) {
    setShown(listing.query);
    // Our own search arrives here too, perhaps when more has been typed since: keep that.
    if (listing.query !== sent) {
      setSent(listing.query);
      setText(listing.query);
    }
  }
  // Whoever leaves the page within the pause no longer wants the search.
  useEffect(() => () => { clearTimeout(pause.current); }, [pathname]);

  const searchFor = (value: string) => {
    clearTimeout(pause.current);
    const query = value.trim();
    if (query === listing.query && isListing(pathname)) {
      return;
    }
    setSent(query);
    void navigate(addressOfListing({ ...listing, query }), {
      // A search that is refined is one step of the history, not one per pause.
      replace: listing.query !== "",
    });
  };
  const onType = (value: string) => {
    setText(value);
    clearTimeout(pause.current);
    if (isListing(pathname)) {
      pause.current = setTimeout(() => { searchFor(value); }, PAUSE_MS);
    }
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    searchFor(text);
  };

  return (
    <form role="search" className={styles.search} onSubmit={onSubmit}>
      <svg className={styles.icon} viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="11" cy="11" r="6.5" />
        <path d="m16 16 4.5 4.5" />
      </svg>
      <input
        type="search"
        name="q"
        aria-label="Search products"
        placeholder="Search products"
        autoComplete="off"
        enterKeyHint="search"
        maxLength={100}
        data-testid="search-input"
        className={styles.input}
        value={text}
        onChange={(event) => { onType(event.target.value); }}
      />
    </form>
  );
}

function isListing(pathname: string): boolean {
  return pathname === "/" || pathname.startsWith("/category/");
}
