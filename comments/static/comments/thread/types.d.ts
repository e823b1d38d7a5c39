// The names that JSDoc in the modules uses for each other's classes. Not `import("./view.js")` in
// their comments: collectstatic would take that for an import, and for a circle of them.

type View = import("./view.js").View;
type Api = import("./api.js").Api;
type Fn = (...values: any[]) => any;
type WriteForm = import("./form.js").WriteForm;
type Waiting = ReturnType<typeof import("./waiting.js").startWaiting>;
/** Of /viewer/; votes by number. */
type Answer = {
  viewer: null | { name: string; signed_in: boolean };
  may: Record<string, boolean>;
  votes: Record<string, number>;
  comments: any[];
};
