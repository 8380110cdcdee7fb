import styles from "./HangingSign.module.css";

/** A sign as it hangs in a shop's door, gently swinging. It decorates what the page says in words. */
export function HangingSign({ text }: { text: string }) {
  return (
    <svg className={styles.sign} viewBox="0 0 360 300" aria-hidden="true">
      <g className={styles.swing}>
        <rect className={styles.board} x="24" y="126" width="312" height="138" rx="32" />
        <path className={styles.cord} d="M72 152 180 30l108 122" />
        <circle className={styles.hole} cx="72" cy="152" r="7" />
        <circle className={styles.hole} cx="288" cy="152" r="7" />
        <text className={styles.text} x="180" y="222" textAnchor="middle">
          {text}
        </text>
      </g>
      <circle className={styles.nail} cx="180" cy="30" r="9" />
    </svg>
  );
}
