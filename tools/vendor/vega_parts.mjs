// The parts of Vega that the page's views need: no maps, trees, forces, word clouds or label placement.
import { transforms } from "vega-dataflow";
import * as encode from "vega-encode";
import * as data from "vega-transforms";
import * as marks from "vega-view-transforms";

Object.assign(transforms, encode, data, marks);

export { transforms };
export { View } from "vega-view";
export { parse } from "vega-parser";
export { hasOwnProperty, isObject, isString, stringValue } from "vega-util";
