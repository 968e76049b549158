import { paletteCss } from './palette.ts';

/** The page's style sheet: light and dark by the reader's system, plain on paper. */
export const STYLE = `${paletteCss()}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--band);color:var(--ink);font:16px/1.55 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 64px}
header{margin-bottom:28px}
h1{font-size:30px;line-height:1.2;letter-spacing:-.015em;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:18px;line-height:1.3;margin:0 0 4px;letter-spacing:-.005em}
p{margin:0}
.lead,.caption,.note{color:var(--muted)}
.caption{font-size:14px;margin-bottom:12px}
.note{font-size:13px;margin-top:10px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:16px;margin-bottom:16px}
.tile,.card{background:var(--surface);border:1px solid var(--grid);border-radius:12px}
.tile{padding:18px 20px}
.tile .label{font-size:13px;color:var(--muted)}
.tile .value{font-size:24px;white-space:nowrap;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums;margin:2px 0}
.tile .detail{font-size:13px;color:var(--muted)}
.cards{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
.card{padding:22px 24px;min-width:0}
.wide{grid-column:1/-1}
.plot svg{display:block;width:100%;height:auto;max-height:420px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:7px 0 7px 14px;border-bottom:1px solid var(--grid);vertical-align:top}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{font-weight:600;color:var(--muted);font-size:13px}
tbody tr:last-child td{border-bottom:0}
tr.total td{font-weight:650}
td.text{text-align:left;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:13px}
.facts{columns:2;column-gap:40px;margin:0;font-size:14px}.facts div{display:flex;justify-content:space-between;gap:20px;padding:6px 0;border-bottom:1px solid var(--grid);break-inside:avoid}.facts dt{color:var(--muted)}.facts dd{margin:0;text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--band);border-radius:8px;padding:12px 14px}
footer{margin-top:28px;font-size:13px;color:var(--muted)}
@media (max-width:820px){.cards{grid-template-columns:minmax(0,1fr)}.facts{columns:1}main{padding:24px 16px 40px}h1{font-size:24px}}
@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}.tile,.card{break-inside:avoid;border-color:#ccc}.cards{gap:10px}}
`;
