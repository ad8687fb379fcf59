/**
 * What the built file may do: a permission set of `deno.json` as arguments of deno.
 *
 * @module
 */

/** A permission: all of it, none of it, or what the lists name. */
export type Permission =
  | boolean
  | readonly string[]
  | {
    readonly allow?: boolean | readonly string[];
    readonly deny?: boolean | readonly string[];
    readonly ignore?: boolean | readonly string[];
  };

/** A named set of `permissions` in `deno.json`. */
export type PermissionSet = Readonly<Record<string, Permission>>;

/** Arguments by permission (`read`, `net`, …), each with what it takes to say it. */
export function permissionFlags(set: PermissionSet): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(set).map(([name, permission]) => [name, flagsOf(name, permission)]),
  );
}

function flagsOf(name: string, permission: Permission): readonly string[] {
  if (typeof permission === "boolean") return [`--${permission ? "allow" : "deny"}-${name}`];
  if (isList(permission)) return listed("allow", name, permission);
  return (["allow", "deny", "ignore"] as const).flatMap((verb) =>
    listed(verb, name, permission[verb] ?? false)
  );
}

function listed(verb: string, name: string, values: boolean | readonly string[]): string[] {
  if (typeof values === "boolean") return values ? [`--${verb}-${name}`] : [];
  return values.length === 0
    ? []
    : [`--${verb}-${name}=${values.map((value) => value.replaceAll(",", ",,")).join(",")}`];
}

function isList(permission: Permission): permission is readonly string[] {
  return Array.isArray(permission);
}
