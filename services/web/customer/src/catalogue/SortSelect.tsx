import { isSort, SORT_LABELS, type Sort } from "./listing";
import styles from "./SortSelect.module.css";

interface Props {
  sort: Sort;
  onChange: (sort: Sort) => void;
}

/** Chooses the order of a listing. */
export function SortSelect({ sort, onChange }: Props) {
  return (
    <label className={styles.sort}>
      <span className={styles.label}>Sort by</span>
      <span className={styles.box}>
        <select
          className={styles.select}
          value={sort}
          onChange={({ target }) => {
            if (isSort(target.value)) {
              onChange(target.value);
            }
          }}
        >
          {Object.entries(SORT_LABELS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <svg className={styles.arrow} viewBox="0 0 12 12" aria-hidden="true">
          <path d="m2.5 4.5 3.5 3.5 3.5-3.5" />
        </svg>
      </span>
    </label>
  );
}
