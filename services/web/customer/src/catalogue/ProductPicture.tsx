import { useEffect, useState } from "react";

import type { Product } from "./product";
import styles from "./ProductPicture.module.css";

interface Props {
  product: Product;
  /** What the picture says where no text beside it does; empty where the name is beside it. */
  alt: string;
  /** Among the first things on the page, so not worth deferring. */
  eager?: boolean;
}

/** The first attempt after a failure; each further one waits twice as long. */
const FIRST_RETRY_MS = 3_000;
const MOST_ATTEMPTS = 6;

/** A product's picture on its tile; a plain tile with the initial while there is none. */
export function ProductPicture({ product, alt, eager = false }: Props) {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<"loading" | "shown" | "failed">("loading");

  useEffect(() => {
    if (state !== "failed" || attempt + 1 >= MOST_ATTEMPTS) {
      return;
    }
    const timer = setTimeout(() => {
      setAttempt(attempt + 1);
      setState("loading");
    }, FIRST_RETRY_MS * 2 ** attempt);
    return () => { clearTimeout(timer); };
  }, [state, attempt]);

  return (
    <span className={styles.tile}>
      {state === "failed" ? (
        <span className={styles.initial} role="img" aria-label={alt} aria-hidden={alt === ""}>
          {product.name.charAt(0)}
        </span>
      ) : (
        <img
          key={attempt}
          className={styles.picture}
          data-shown={state === "shown"}
          src={product.pictureUrl}
          alt={alt}
          width={800}
          height={800}
          loading={eager ? "eager" : "lazy"}
          decoding="async"
          onLoad={() => { setState("shown"); }}
          onError={() => { setState("failed"); }}
        />
      )}
    </span>
  );
}
