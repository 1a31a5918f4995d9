/* A generated census: people whose columns hang together roughly as those of census-income do, so that its spec has something to learn
 * where the real table cannot be had. Age, schooling and work come first; marriage, family, taxes and income follow from them. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "kern/functions.h"
#include "lab/synth.h"
#include "lab/synth_census_words.h"

/* What each random number of a person is for: a stream of its own. */
enum {
    DRAW_AGE = 16, DRAW_AGE_WITHIN, DRAW_SEX, DRAW_WORK, DRAW_CLASS, DRAW_INDUSTRY, DRAW_INDUSTRY_CODE, DRAW_OCCUPATION, DRAW_OCCUPATION_CODE,
    DRAW_EDUCATION, DRAW_WEEKS, DRAW_WEEKS_PART, DRAW_NEVER, DRAW_MARITAL, DRAW_FAMILY, DRAW_TAX, DRAW_WAGE, DRAW_WAGE_SIZE, DRAW_GAINS, DRAW_GAINS_SIZE,
    DRAW_LOSSES, DRAW_LOSSES_SIZE, DRAW_DIVIDENDS, DRAW_DIVIDENDS_SIZE, DRAW_MOVED, DRAW_MOVE_KIND, DRAW_PLACE, DRAW_REGION, DRAW_YEAR, DRAW_INCOME,
    DRAW_WEIGHT, DRAW_PARENT, DRAW_BIRTH, DRAW_CITIZEN, DRAW_HISPANIC, DRAW_RACE, DRAW_SCHOOL, DRAW_UNION, DRAW_UNEMPLOYED, DRAW_SCHEDULE, DRAW_EMPLOYER,
    DRAW_OWN, DRAW_VETERAN, DRAW_FATHER, DRAW_MOTHER, DRAW_CENTS,
};

enum { CHILD, IDLE, WORKING }; /* the columns of a choice's weights */

typedef struct person {
    uint64_t seed, row;
    int age, situation, weeks, code_of_industry, code_of_occupation;
    bool male, never_married, married;
    const trade *industry, *occupation; /* NULL without work */
    const choice *schooling;
    const char *marital, *family;
    double gains, losses, dividends, wage;
} person;

static double draw(const person *p, uint64_t stream) { return gw__synth_uniform(p->seed, stream, p->row); }
static int between(const person *p, uint64_t stream, int lo, int hi) { return lo + (int)(draw(p, stream) * (hi - lo + 1)); }
static double sigmoid(double z) { return 1 / (1 + gw__exp(-z)); }

static const choice *choose(const person *p, uint64_t stream, const choice *from, size_t n, int column) {
    double sum = 0, at;
    for (size_t i = 0; i < n; i++) sum += from[i].weight[column];
    at = draw(p, stream) * sum;
    for (size_t i = 0; i < n; i++) {
        at -= from[i].weight[column];
        if (at < 0) return &from[i];
    }
    return &from[0]; /* not reached: the uniform is below 1 */
}

#define CHOOSE(p, stream, table) choose(p, stream, table, GW__COUNT(table), (p)->situation)->text

static const trade *choose_trade(const person *p, uint64_t stream, const trade *from, size_t n) {
    double sum = 0, at;
    for (size_t i = 0; i < n; i++) sum += from[i].weight;
    at = draw(p, stream) * sum;
    for (size_t i = 0; i < n; i++) {
        at -= from[i].weight;
        if (at < 0) return &from[i];
    }
    return &from[0];
}

/* ---- a life ---- */

static int draw_age(const person *p) {
    double u = draw(p, DRAW_AGE), v = draw(p, DRAW_AGE_WITHIN);
    if (u < 0.24) return (int)(15 * v);
    if (u < 0.86) return 15 + (int)(45 * v);
    return 60 + (int)(31 * v * sqrt(v));
}

static void find_work(person *p) {
    double share = p->age < 18 ? 0.35 : p->age < 60 ? 0.8 : p->age < 68 ? 0.4 : 0.1;
    p->situation = p->age < 15 ? CHILD : draw(p, DRAW_WORK) < share ? WORKING : IDLE;
    p->schooling = choose(p, DRAW_EDUCATION, education, GW__COUNT(education), p->situation);
    if (p->situation != WORKING) return;
    p->industry = choose_trade(p, DRAW_INDUSTRY, industries, GW__COUNT(industries));
    p->occupation = choose_trade(p, DRAW_OCCUPATION, occupations, GW__COUNT(occupations));
    p->code_of_industry = between(p, DRAW_INDUSTRY_CODE, p->industry->first, p->industry->last);
    p->code_of_occupation = between(p, DRAW_OCCUPATION_CODE, p->occupation->first, p->occupation->last);
    p->weeks = draw(p, DRAW_WEEKS) < 0.7 ? 52 : between(p, DRAW_WEEKS_PART, 1, 51);
}

static const char *marital_text(const person *p) {
    double u = draw(p, DRAW_MARITAL), widowed = p->age < 50 ? 0.01 : p->age < 65 ? 0.07 : p->male ? 0.15 : 0.45;
    if (p->never_married) return "Never married";
    if (u < widowed) return "Widowed";
    u = (u - widowed) / (1 - widowed);
    if (u < 0.12) return "Divorced";
    if (u < 0.15) return "Separated";
    if (u < 0.165) return "Married-spouse absent";
    if (u < 0.17) return "Married-A F spouse present";
    return "Married-civilian spouse present";
}

static void marry(person *p) {
    double age = p->age, never = p->age < 15 ? 1 : 0.05 + 0.95 * sigmoid((24.5 - age) / 3.2);
    p->never_married = draw(p, DRAW_NEVER) < never;
    p->marital = marital_text(p);
    p->married = strncmp(p->marital, "Married-", 8) == 0 && strcmp(p->marital, "Married-spouse absent") != 0;
    if (p->married) {
        double u = draw(p, DRAW_FAMILY);
        p->family = u > 0.96 ? "Other Rel 18+ ever marr RP of subfamily" : p->male == (u < 0.8) ? "Householder" : "Spouse of householder";
    } else {
        p->family = choose(p, DRAW_FAMILY, family, GW__COUNT(family), !p->never_married ? 2 : p->age < 18 ? 0 : 1)->text;
    }
}

static const char *household_summary(const person *p) {
    const char *f = p->family;
    if (strstr(f, "ouseholder") && strcmp(f, "Spouse of householder") != 0) return "Householder";
    if (strcmp(f, "Spouse of householder") == 0) return f;
    if (strncmp(f, "Child <18", 9) == 0) return "Child under 18 never married";
    if (strncmp(f, "Child 18+", 9) == 0) return "Child 18 or older";
    if (strstr(f, "Other Rel") || strstr(f, "Grandchild")) return "Other relative of householder";
    return "Nonrelative of householder";
}

static const char *tax_status(const person *p) {
    double u = draw(p, DRAW_TAX);
    if (p->age < 15 || (p->situation == IDLE && u < (p->age < 20 ? 0.95 : 0.4))) return "Nonfiler";
    if (p->married) return p->age < 63 ? "Joint both under 65" : p->age < 67 ? "Joint one under 65 & one 65+" : "Joint both 65+";
    return u > 0.85 && !p->never_married ? "Head of household" : "Single";
}

/* Amounts that forms know: most people have none, and some amounts are said again and again. */
static void earn(person *p) {
    static const double gains[] = {594, 914, 1055, 2174, 2407, 2829, 3103, 3325, 4064, 4386, 5013, 5178, 7298, 7688, 10520, 14084, 15024, 20051, 99999};
    double wealth = p->age < 18 ? 0.002 : 0.02 + 0.0012 * (p->age < 70 ? p->age : 70) * (p->schooling >= education + 13 ? 2.2 : 1);
    if (draw(p, DRAW_GAINS) < 0.6 * wealth) p->gains = gains[between(p, DRAW_GAINS_SIZE, 0, (int)GW__COUNT(gains) - 1)];
    if (draw(p, DRAW_LOSSES) < 0.3 * wealth) p->losses = 1400 + 25 * between(p, DRAW_LOSSES_SIZE, 0, 60);
    if (draw(p, DRAW_DIVIDENDS) < 2.2 * wealth) {
        double v = draw(p, DRAW_DIVIDENDS_SIZE);
        p->dividends = floor(1 + 10000 * v * v * v * v);
        if (p->dividends > 100) p->dividends = 50 * floor(p->dividends / 50);
    }
    if (p->situation == WORKING && draw(p, DRAW_WAGE) < 0.12) p->wage = 5 * between(p, DRAW_WAGE_SIZE, 80, 400);
}

static bool rich(const person *p) {
    double years = (double)(p->schooling - education) - 9, z = -4.2;
    if (p->age < 18) return false;
    z += 0.42 * (years > -4 ? years : -4) - 0.0022 * (p->age - 48) * (p->age - 48) + (p->male ? 1.1 : 0);
    if (p->situation == WORKING) z += 1.2 * p->occupation->effect + p->industry->effect + 0.045 * (p->weeks - 52) + 0.8;
    else z -= 1.5;
    z += p->gains >= 7000 ? 5 : p->gains > 0 ? -1.5 : 0;
    z += p->losses > 1800 && p->losses < 2400 ? 2 : 0;
    z += p->dividends > 4000 ? 1.6 : p->dividends > 500 ? 0.9 : 0;
    z += p->married ? 0.5 : p->never_married ? -0.5 : 0;
    return draw(p, DRAW_INCOME) < sigmoid(1.5 * z);
}

/* ---- moves ---- */

typedef struct move {
    const char *region, *state, *msa, *reg, *within, *same, *sunbelt;
} move;

static move draw_move(const person *p, bool asked) {
    move m = {"Not in universe", "Not in universe", "?", "?", "?", "Not in universe under 1 year old", "?"};
    if (!asked) return m;
    if (p->age < 1) return (move){"Not in universe", "Not in universe", "Not in universe", "Not in universe", "Not in universe",
                                  "Not in universe under 1 year old", "Not in universe"};
    double away = p->age < 35 ? 0.25 : 0.1, kind = draw(p, DRAW_MOVE_KIND);
    if (draw(p, DRAW_MOVED) >= away) return (move){"Not in universe", "Not in universe", "Nonmover", "Nonmover", "Nonmover", "Yes", "Not in universe"};
    bool far = kind > 0.65;
    m.region = far ? regions[between(p, DRAW_REGION, 0, (int)GW__COUNT(regions) - 1)] : regions[0];
    m.state = places[between(p, DRAW_PLACE, 0, (int)GW__COUNT(places) - 1)];
    m.msa = kind < 0.7 ? "MSA to MSA" : kind < 0.85 ? "NonMSA to nonMSA" : kind < 0.93 ? "MSA to nonMSA" : "NonMSA to MSA";
    m.reg = !far ? "Same county" : kind < 0.82 ? "Different county same state" : kind < 0.9 ? "Different region" : "Different state same division";
    m.within = !far ? "Same county" : kind < 0.82 ? "Different county same state" : kind < 0.9 ? "Different state in South" : "Different state in West";
    m.same = "No";
    m.sunbelt = kind < 0.6 ? "No" : "Yes";
    return m;
}

/* ---- a line ---- */

static void put(gw__text *out, const char *cell) {
    gw__text_puts(out, cell);
    gw__text_puts(out, ", ");
}

static void put_whole(gw__text *out, double value) { gw__text_addf(out, "%lld, ", (long long)value); }

static void put_work(const person *p, gw__text *out) {
    put_whole(out, p->age);
    put(out, CHOOSE(p, DRAW_CLASS, class_worker));
    put_whole(out, p->code_of_industry);
    put_whole(out, p->code_of_occupation);
    put(out, p->schooling->text);
    put_whole(out, p->wage);
    bool student = p->age >= 15 && p->age < 25 && draw(p, DRAW_SCHOOL) < 0.6;
    put(out, student ? p->age < 19 ? "High school" : "College or university" : hs_college[0].text);
    put(out, p->marital);
    put(out, p->industry ? p->industry->text : "Not in universe or children");
    put(out, p->occupation ? p->occupation->text : "Not in universe");
}

static void put_status(const person *p, gw__text *out) {
    put(out, CHOOSE(p, DRAW_RACE, race));
    put(out, CHOOSE(p, DRAW_HISPANIC, hisp_origin));
    put(out, p->male ? "Male" : "Female");
    put(out, CHOOSE(p, DRAW_UNION, union_member));
    put(out, CHOOSE(p, DRAW_UNEMPLOYED, unemp_reason));
    put(out, CHOOSE(p, DRAW_SCHEDULE, full_or_part_emp));
    put_whole(out, p->gains);
    put_whole(out, p->losses);
    put_whole(out, p->dividends);
    put(out, tax_status(p));
}

static void put_moves(const person *p, bool asked, gw__text *out) {
    move m = draw_move(p, asked);
    put(out, m.region);
    put(out, m.state);
    put(out, p->family);
    put(out, household_summary(p));
    gw__text_addf(out, "%d.%02d, ", between(p, DRAW_WEIGHT, 300, 3200), between(p, DRAW_CENTS, 0, 99));
    put(out, m.msa);
    put(out, m.reg);
    put(out, m.within);
    put(out, m.same);
    put(out, m.sunbelt);
}

static void put_origin(const person *p, gw__text *out) {
    const char *born = CHOOSE(p, DRAW_BIRTH, country), *at_home = country[0].text;
    bool abroad = strcmp(born, at_home) != 0;
    put(out, CHOOSE(p, DRAW_EMPLOYER, num_emp));
    put(out, p->age < 18 ? choose(p, DRAW_PARENT, fam_under_18, GW__COUNT(fam_under_18), CHILD)->text : fam_under_18[0].text);
    /* Those born abroad have their parents from there, most of the others from here. */
    put(out, abroad ? born : draw(p, DRAW_FATHER) < 0.92 ? at_home : country[between(p, DRAW_CITIZEN, 1, 20)].text);
    put(out, abroad ? born : draw(p, DRAW_MOTHER) < 0.92 ? at_home : country[between(p, DRAW_CITIZEN, 1, 20)].text);
    put(out, born);
    put(out, abroad ? CHOOSE(p, DRAW_CITIZEN, citizenship) : "Native- Born in the United States");
}

void gw__synth_census_row(uint64_t seed, uint64_t row, gw__text *out) {
    person p = {.seed = seed, .row = row};
    p.age = draw_age(&p);
    p.male = draw(&p, DRAW_SEX) < 0.48;
    find_work(&p);
    marry(&p);
    earn(&p);
    bool second_year = draw(&p, DRAW_YEAR) < 0.5; /* only the first year's people were asked whether they moved */
    put_work(&p, out);
    put_status(&p, out);
    put_moves(&p, !second_year, out);
    put_origin(&p, out);
    put(out, CHOOSE(&p, DRAW_OWN, own_or_self));
    put(out, CHOOSE(&p, DRAW_VETERAN, vet_question));
    put_whole(out, p.situation == CHILD ? 0 : draw(&p, DRAW_VETERAN) > 0.985 ? 1 : 2);
    put_whole(out, p.weeks);
    put(out, second_year ? "95" : "94");
    gw__text_puts(out, rich(&p) ? "50000+.\n" : "- 50000.\n");
}
