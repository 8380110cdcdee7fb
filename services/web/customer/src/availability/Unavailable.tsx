import { Message } from "../shell/Message";

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
      sign="Back soon"
      action={
        <button type="button" className="button" onClick={onRetry} aria-disabled={trying}>
          Try again now
        </button>
      }
    >
      <p>
        The problem is on our side. We keep trying in the background, and this page fills itself
        as soon as the shop is back.
      </p>
    </Message>
  );
}
