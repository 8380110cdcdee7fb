import { useEffect, useRef } from "react";
import { Outlet, ScrollRestoration, useLocation } from "react-router";

import { Footer } from "./Footer";
import { Header } from "./Header";
import styles from "./Layout.module.css";

/** What every page has around it. */
export function Layout() {
  const main = useFocusOnNewPage();
  return (
    <>
      <a className={styles.skip} href="#content">
        Skip to content
      </a>
      <Header />
      <main id="content" ref={main} tabIndex={-1} className={styles.main}>
        <Outlet />
      </main>
      <Footer />
      <ScrollRestoration />
    </>
  );
}

/**
 * Moves the focus to the content when another page opens, as a page load would, so that screen
 * readers start there. It stays where somebody is typing.
 */
function useFocusOnNewPage() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);

  useEffect(() => {
    if (shown.current === pathname) {
      return;
    }
    shown.current = pathname;
    if (!(document.activeElement instanceof HTMLInputElement)) {
      main.current?.focus({ preventScroll: true });
    }
  }, [pathname]);

  return main;
}
