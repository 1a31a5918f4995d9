# A small table to begin with: visits to an imagined film service. awk -f examples/first.awk > examples/first.csv
# Whoever clicked also watched for some minutes; for the others that label does not exist, and the cell is empty.
function chance() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function pick(list,   words, n) { n = split(list, words, " "); return words[1 + int(chance() * n)] }

BEGIN {
    state = 20240501
    print "visitor,age,country,device,genres,hour,seen_before,clicked,watched_minutes"
    for (i = 1; i <= 2000; i++) {
        age = 14 + int(chance() * chance() * 70)
        country = pick("Chile France Ghana Japan Norway Peru")
        device = pick("phone phone phone tablet tv tv")
        genres = pick("drama comedy crime space nature drama|crime comedy|space nature|drama")
        hour = int(chance() * 24)
        seen = int(chance() * chance() * 12)
        taste = 0
        if (genres ~ /space/) taste += age < 30 ? 0.35 : 0
        if (genres ~ /crime/) taste += age < 30 ? 0 : 0.30
        if (genres ~ /nature/) taste += country == "Norway" || country == "Chile" ? 0.35 : 0
        if (genres ~ /comedy/) taste += 0.15
        clicked = chance() < 0.08 + 1.5 * taste + (hour >= 18 ? 0.30 : 0) - 0.05 * seen ? 1 : 0
        minutes = 12 + 40 * taste + (device == "tv" ? 35 : device == "tablet" ? 12 : 0) + (hour >= 18 ? 10 : 0) + 16 * (chance() - 0.5)
        if (minutes < 1) minutes = 1
        printf "v%04d,%s,%s,%s,%s,%d,%d,%d,%s\n", i, chance() < 0.05 ? "" : age, country, device, genres, hour, seen, clicked,
               clicked ? sprintf("%.1f", minutes) : ""
    }
}
