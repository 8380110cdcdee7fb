import { Message } from "../shell/Message";
import styles from "./Unavailable.module.css";

interface Props {
  /** Whether an attempt is under way right now. */
  trying: boolean;
  onRetry: () => void;
}

/** Stands where content would be while the shop cannot be reached. It says that retrying goes on by itself. */
export function Unavailable({ trying, onRetry }: Props) {
  return (
    <Message
      role="alert"
      title="The shop is temporarily unavailable"
      action={
        <button type="button" className="button" onClick={onRetry} disabled={trying}>
          {trying ? "Trying…" : "Try again now"}
        </button>
      }
    >
      <p>
        Something on our side is taking a break. We keep trying in the background, and this page
        fills itself as soon as the shop is back.
      </p>
      <span className={styles.pulse} aria-hidden="true" />
    </Message>
  );
}
