import DataTable from "datatables.net";

globalThis.DataTable = DataTable;
