#!/usr/bin/env bash
# Make the seeds of fuzz_model anew, small models of different features, tasks and wirings:  model_seeds.sh build/gatewright tests/fuzz/corpus/model
set -euo pipefail
gatewright=$(realpath "$1")
out=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

awk 'BEGIN {
    print "n,c,d,h,b,y,z,k"
    for (i = 0; i < 40; i++) printf "%s,%s,%s,u%d,p|q%d,%d,%.2f,%s\n", i % 9 ? i * 0.5 : "", substr("xyz", i % 3 + 1, 1), substr("yzw", i % 2 + 1, 1), i % 7, i % 3, i % 2, i / 8, substr("RGB", i % 3 + 1, 1)
}' >t.csv

# seed NAME TASKS COLUMNS MODEL: the other columns are ignored by the list in IGNORE
seed() {
    printf '{"data":{"train":"t.csv"},"tasks":{%s},"features":{"ignore":[%s],"columns":{%s}},"model":{%s},"train":{"epochs":1}}\n' "$2" "$IGNORE" "$3" "$4" >s.json
    "$gatewright" train s.json -o "$out/$1.safetensors" >/dev/null 2>&1
}

IGNORE='"c","d","h","b","z","k"' \
    seed numeric '"y":"binary"' '"n":{"type":"numeric","transform":["log1p","quantile"],"indicator":true}' \
    '"architecture":"mmoe","experts":{"count":2,"hidden":[2]},"towers":{"hidden":[]}'
IGNORE='"n","h","b","y","k"' \
    seed shared '"z":"regression"' '"c":{"type":"categorical","dim":2,"share":"s"},"d":{"type":"categorical","dim":2,"share":"s"}' \
    '"architecture":"shared-bottom","experts":{"hidden":[2]},"towers":{"hidden":[2],"activation":"swish"}'
IGNORE='"n","c","d","y","z"' \
    seed bag '"k":"multiclass"' '"h":{"type":"hashed","buckets":4,"dim":1},"b":{"type":"bag","dim":2}' \
    '"architecture":"moe","experts":{"count":2,"hidden":[2],"norm":"layer"},"towers":{"hidden":[]}'
IGNORE='"c","d","h","b","k"' \
    seed cgc '"y":{"positive":"1","negative_sampling":0.5},"z":{"type":"regression","loss":"huber","given":"y"}' '"n":"numeric"' \
    '"architecture":"cgc","experts":{"shared":1,"per_task":1,"hidden":[1]},"gates":{"bias":false},"towers":{"hidden":[],"bias":false}'
IGNORE='"c","d","h","b","k","y"' \
    seed ple '"z":"regression"' '"n":{"type":"numeric","transform":"minmax","missing":"zero"}' \
    '"architecture":"ple","experts":{"shared":0,"per_task":2,"hidden":[1],"norm":"batch","dropout":0.1,"bias":false},"gates":{"bias":false},"towers":{"hidden":[]}'
# One of each further architecture, as small as they go.
IGNORE='"c","d","h","b","k"'
two='"y":"binary","z":"regression"'
small='"towers":{"hidden":[]}'
seed adatt "$two" '"n":"numeric"' "\"architecture\":\"adatt\",\"levels\":2,\"experts\":{\"shared\":1,\"per_task\":2,\"hidden\":[1]},$small"
seed adatt-sp "$two" '"n":"numeric"' "\"architecture\":\"adatt-sp\",\"levels\":1,\"experts\":{\"per_task\":1,\"hidden\":[1]},$small"
seed cross-stitch "$two" '"n":"numeric"' "\"architecture\":\"cross-stitch\",\"experts\":{\"hidden\":[2,1]},$small"
seed snr-aver "$two" '"n":"numeric"' "\"architecture\":\"snr-aver\",\"levels\":1,\"experts\":{\"count\":2,\"hidden\":[1]},$small"
seed snr-trans "$two" '"n":"numeric"' "\"architecture\":\"snr-trans\",\"levels\":2,\"experts\":{\"count\":2,\"hidden\":[1]},$small"
seed l2-constrained "$two" '"n":"numeric"' "\"architecture\":\"l2-constrained\",\"experts\":{\"hidden\":[1]},$small"
seed single-task "$two" '"n":"numeric"' "\"architecture\":\"single-task\",\"experts\":{\"hidden\":[1]},$small"
seed averaged "$two" '"n":"numeric"' "\"architecture\":\"averaged\",\"experts\":{\"count\":2,\"hidden\":[1]},$small"
seed omoe "$two" '"n":"numeric"' \
    "\"architecture\":\"omoe\",\"experts\":{\"count\":4,\"always\":1,\"hidden\":[1]},\"gates\":{\"top_k\":1,\"noise\":true,\"balance\":{\"bias\":0.1}},$small"
seed tensor-factorization "$two" '"n":"numeric"' \
    "\"architecture\":\"tensor-factorization\",\"ranks\":{\"input\":1,\"output\":1,\"task\":2},\"experts\":{\"hidden\":[2]},$small"
seed home '"y":{"type":"binary","category":"a"},"z":"regression"' '"n":"numeric"' \
    "\"architecture\":\"home\",\"experts\":{\"shared\":1,\"per_category\":1,\"per_task\":1,\"hidden\":[1]},\"feature_gates\":{\"count\":1,\"rank\":1},$small"
seed aitm "$two" '"n":"numeric"' "\"architecture\":\"aitm\",\"experts\":{\"hidden\":[1]}"
seed custom "$two" '"n":"numeric"' "\"architecture\":\"custom\",\"experts\":{\"hidden\":[1]},$small,\"wiring\":{\"levels\":[
    {\"experts\":{\"a\":2,\"b\":2},\"gates\":{\"p\":\"a\",\"q\":{\"sees\":\"b\",\"kind\":\"stitch\"}}},
    {\"experts\":{\"c\":{\"count\":2,\"reads\":[\"p\",\"q\"],\"identity\":true}},\"gates\":{\"all\":\"c\"}}]}"
IGNORE='"d","h","b","k","n"' \
    seed stem "$two" '"c":{"type":"categorical","dim":1}' "\"architecture\":\"stem\",\"experts\":{\"shared\":1,\"per_task\":1,\"hidden\":[1]},$small"
IGNORE='"c","d","h","b","y","z"' \
    seed local-experts '"k":"multiclass"' '"n":"numeric"' '"architecture":"local-experts","experts":{"count":2,"hidden":[]}'
