// One global, `views`: compile a Vega-Lite specification, and run it without building code from strings.
import { View, parse } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";

globalThis.views = {
  start(specification, options) {
    const runtime = parse(compile(specification).spec, {}, { ast: true });
    return new View(runtime, { expr: expressionInterpreter, ...options });
  },
};
