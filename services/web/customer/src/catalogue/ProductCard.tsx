import { Link } from "react-router";

import { formatPrice } from "../money/formatPrice";
import type { Product } from "./product";
import styles from "./ProductCard.module.css";
import { ProductPicture } from "./ProductPicture";
import { describeStock } from "./stock";

interface Props {
  product: Product;
  /** The level of its name's heading: one below what it stands under. */
  level: 2 | 3;
  eager?: boolean;
}

/** A product in a listing; all of the card leads to the product. */
export function ProductCard({ product, level, eager = false }: Props) {
  const Heading = `h${level}` as const;
  const stock = describeStock(product.stock);
  return (
    <article className={styles.card} data-testid="product-card" data-stock={stock.level}>
      <div className={styles.frame}>
        <ProductPicture product={product} alt="" eager={eager} />
        {stock.level !== "plenty" && <span className={styles.badge}>{stock.text}</span>}
      </div>
      <Heading className={styles.name}>
        <Link to={`/products/${product.id}`} className={styles.link} data-testid="product-name">
          {product.name}
        </Link>
      </Heading>
      <p className={styles.price} data-testid="product-price">
        {formatPrice(product.price)}
      </p>
    </article>
  );
}
