import type { ReactNode } from "react";

import { HangingSign } from "./HangingSign";
import styles from "./Message.module.css";

interface Props {
  title: string;
  children: ReactNode;
  action?: ReactNode;
  /** A word or two for a sign beside the message. */
  sign?: string;
  /** Announced at once (`alert`), or read like any other text. */
  role?: "alert";
  /** 1 where these words are all the page says, 2 below a heading. */
  level?: 1 | 2;
}

/** A page's worth of words where there is nothing else to show. */
export function Message({ title, children, action, sign, role, level = 1 }: Props) {
  const Heading = `h${level}` as const;
  return (
    <section className={styles.message} role={role}>
      <div className={styles.words}>
        <Heading className={styles.title}>{title}</Heading>
        <div className={styles.text}>{children}</div>
        {action}
      </div>
      {sign !== undefined && <HangingSign text={sign} />}
    </section>
  );
}
