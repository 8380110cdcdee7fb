import { useEffect, useEffectEvent } from "react";

/** Shoppers that lost the shop together come back spread over this span, not all at once. */
const BETWEEN_ATTEMPTS_MS = { shortest: 2_500, longest: 4_500 };

/**
 * Calls `attempt` every few seconds while `failed` holds, and at once when the browser is
 * online again or the customer comes back to the page.
 */
export function useKeepTrying(failed: boolean, attempt: () => void): void {
  const tryNow = useEffectEvent(attempt);

  useEffect(() => {
    if (!failed) {
      return;
    }
    const { shortest, longest } = BETWEEN_ATTEMPTS_MS;
    const every = shortest + Math.random() * (longest - shortest);
    const timer = setInterval(() => { tryNow(); }, every);
    const onReturn = () => {
      if (document.visibilityState === "visible") {
        tryNow();
      }
    };
    window.addEventListener("online", onReturn);
    document.addEventListener("visibilitychange", onReturn);
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", onReturn);
      document.removeEventListener("visibilitychange", onReturn);
    };
  }, [failed]);
}
