import type { ReactNode } from "react";

import styles from "./Message.module.css";

interface Props {
  title: string;
  children: ReactNode;
  action?: ReactNode;
  /** Announced at once (`alert`), when there is time (`status`), or like any other text. */
  role?: "alert" | "status";
  /** 1 where these words are all the page says, 2 below a heading. */
  level?: 1 | 2;
}

/** A page's worth of words where there is nothing else to show. */
export function Message({ title, children, action, role, level = 1 }: Props) {
  const Heading = `h${level}` as const;
  return (
    <section className={styles.message} role={role}>
      <Heading className={styles.title}>{title}</Heading>
      <div className={styles.text}>{children}</div>
      {action}
    </section>
  );
}
