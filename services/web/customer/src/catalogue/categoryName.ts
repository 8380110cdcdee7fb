import type { Category } from "./product";

/** A category's name; made of its slug while the categories are not known. */
export function categoryName(slug: string, categories: Category[] | undefined): string {
  const known = categories?.find((category) => category.slug === slug);
  if (known !== undefined) {
    return known.name;
  }
  const words = slug.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
