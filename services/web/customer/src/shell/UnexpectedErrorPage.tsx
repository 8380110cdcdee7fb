import { Message } from "./Message";
import styles from "./Layout.module.css";

/** What is left when showing a page went wrong: a fresh start. */
export function UnexpectedErrorPage() {
  return (
    <main className={styles.main}>
      <Message
        role="alert"
        title="This page tripped over itself"
        action={
          <button type="button" className="button" onClick={() => { window.location.assign("/"); }}>
            Start again
          </button>
        }
      >
        <p>That is our mistake, not yours. Starting again usually helps.</p>
      </Message>
    </main>
  );
}
