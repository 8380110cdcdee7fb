import { Link } from "react-router";

import { Message } from "./Message";
import { PageTitle } from "./PageTitle";

/** For addresses that lead nowhere. */
export function NotFoundPage() {
  return (
    <>
      <PageTitle page="Page not found" />
      <Message
        title="There is nothing at this address"
        sign="Lost?"
        action={
          <Link to="/" className="button">
            Go to all products
          </Link>
        }
      >
        <p>The page may have moved, or the link has a typo in it.</p>
      </Message>
    </>
  );
}
