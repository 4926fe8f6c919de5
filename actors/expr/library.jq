# What jq defines in terms of itself, as it is in jq 1.7 and gojq, over our natives. A definition
# uses what stands above it. Names that begin with "__" are natives, or definitions that only
# operators use.

def __assign(p; f): f as $x | reduce path(p) as $q (__edit; __put($q; $x)) | __root;
def __modify(p; f):
  reduce path(p) as $q (__edit;
    . as $e | label $out |
    (($e | __at($q) | f) as $v | $e | __put($q; $v) | ., break $out),
    ($e | __drop($q)))
  | __root;

def map(f): [.[] | f];
def add(f): [f] | add;
def map_values(f): .[] |= f;
def in(xs): . as $x | xs | has($x);
def abs: if . < 0 then -. else . end;
def toarray: if type == "array" then . else [.] end;
def select(f): if f then . else empty end;

def recurse(f): def r: ., (f | r); r;
def recurse: recurse(.[]?);
def recurse(f; cond): def r: ., (f | select(cond) | r); r;

def from_entries: map({ (.key // .Key // .name // .Name):
  if has("value") then .value else .Value end }) | add // {};
def with_entries(f): to_entries | map(f) | from_entries;

def while(cond; update): def r: if cond then ., (update | r) else empty end; r;
def until(cond; next): def r: if cond then . else next | r end; r;
def repeat(f): def r: f, r; r;
def range($end): _range(0; $end; 1);
def range($start; $end): _range($start; $end; 1);
def range($start; $end; $step): _range($start; $end; $step);

def min_by(f): __min_by(map([f]));
def max_by(f): __max_by(map([f]));
def sort_by(f): __sort_by(map([f]));
def group_by(f): __group_by(map([f]));
def unique_by(f): __unique_by(map([f]));

def arrays: select(type == "array");
def objects: select(type == "object");
def iterables: select(type | . == "array" or . == "object");
def booleans: select(type == "boolean");
def numbers: select(type == "number");
def finites: select(isfinite);
def normals: select(isnormal);
def strings: select(type == "string");
def nulls: select(. == null);
def values: select(. != null);
def scalars: select(type | . != "array" and . != "object");

def first: .[0];
def first(g): label $out | g | ., break $out;
def last: .[-1];
def last(g): _last(g);
def isempty(g): label $out | (g | false, break $out), true;
def all(g; y): isempty(g | select(y | not));
def all(y): all(.[]; y);
def all: all(.);
def any(g; y): isempty(g | select(y)) | not;
def any(y): any(.[]; y);
def any: any(.);
def limit($n; g):
  if $n > 0 then
    label $out | foreach g as $item ($n; . - 1; $item, if . <= 0 then break $out else empty end)
  elif $n == 0 then empty
  else error("limit doesn't support negative count") end;
def skip($n; g):
  if $n > 0 then foreach g as $item ($n; . - 1; if . < 0 then $item else empty end)
  elif $n == 0 then g
  else error("skip doesn't support negative count") end;
def nth($n): .[$n];
def nth($n; g): if $n >= 0 then first(skip($n; g)) else error("nth doesn't support negative index") end;

def combinations:
  if length == 0 then []
  else .[0][] as $x | [$x] + (.[1:] | combinations) end;
def combinations(n): [limit(n; repeat(.))] | combinations;
def walk(f): def r: if type == "array" then map(r) elif type == "object" then map_values(r) end | f; r;

def truncate_stream(f): . as $n | null | f | if .[0] | length > $n then .[0] |= .[$n:] else empty end;
def fromstream(f):
  foreach f as $pv (null;
    if .e then null end | $pv as [$p, $v] |
    if $pv | length == 2 then setpath(["v"] + $p; $v) | setpath(["e"]; $p | length == 0)
    else setpath(["e"]; $p | length == 1) end;
    if .e then .v else empty end);
def tostream:
  path(def r: (.[]? | r), .; r) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);

def del(f): delpaths([path(f)]);
def paths: path(..) | select(. != []);
def paths(f): path(.. | select(f)) | select(. != []);
def pick(f): . as $v | reduce path(f) as $p (null; setpath($p; $v | getpath($p)));

def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%S%z") | mktime;
def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
def fromdate: fromdateiso8601;
def todate: todateiso8601;

def match($re): __match($re; null)[];
def match($re; $flags): __match($re; $flags)[];
def capture($re): __capture($re; null)[];
def capture($re; $flags): __capture($re; $flags)[];
def scan($re): __scan($re; null)[];
def scan($re; $flags): __scan($re; $flags)[];
def splits($re): __splits($re; null)[];
def splits($re; $flags): __splits($re; $flags)[];
def sub($re; f; $flags):
  __substitute($re; $flags)
  | reduce __captures[] as $c (.; __next | reduce ($c | f) as $s (.; __paste($s)))
  | __results[];
def sub($re; f): sub($re; f; null);
def gsub($re; f; $flags): sub($re; f; $flags + "g");
def gsub($re; f): sub($re; f; "g");

def INDEX(stream; f): reduce stream as $row ({} | __edit; . as $e | ($row | [f | tostring]) as $p | $e | __put($p; $row)) | __root;
def INDEX(f): INDEX(.[]; f);
def JOIN($idx; f): [.[] | [., $idx[f]]];
def JOIN($idx; stream; f): stream | [., $idx[f]];
def JOIN($idx; stream; f; join): stream | [., $idx[f]] | join;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
