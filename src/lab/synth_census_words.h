/* What the cells of a generated census table say: the value names of the census-income table, with weights of a thousand people each in
 * three situations: a child, an adult without work, an adult at work. The weights are rounded; no row of the real table is in here. */
#ifndef GW_LAB_SYNTH_CENSUS_WORDS_H
#define GW_LAB_SYNTH_CENSUS_WORDS_H

typedef struct choice {
    const char *text;
    short weight[3];
} choice;

static const choice class_worker[] = {
    {"Not in universe", {1, 930, 0}}, {"Private", {0, 48, 727}}, {"Self-employed-not incorporated", {0, 7, 84}}, {"Local government", {0, 3, 80}},
    {"State government", {0, 2, 43}}, {"Self-employed-incorporated", {0, 1, 34}}, {"Federal government", {0, 1, 30}}, {"Never worked", {0, 7, 0}},
    {"Without pay", {0, 1, 1}},
};

/* In the order of schooling. */
static const choice education[] = {
    {"Children", {1, 0, 0}}, {"Less than 1st grade", {0, 10, 2}}, {"1st 2nd 3rd or 4th grade", {0, 21, 6}}, {"5th or 6th grade", {0, 35, 14}},
    {"7th and 8th grade", {0, 108, 20}}, {"9th grade", {0, 76, 20}}, {"10th grade", {0, 81, 31}}, {"11th grade", {0, 62, 35}},
    {"12th grade no diploma", {0, 19, 11}}, {"High school graduate", {0, 303, 327}}, {"Some college but no degree", {0, 147, 204}},
    {"Associates degree-occup /vocational", {0, 21, 44}}, {"Associates degree-academic program", {0, 16, 36}},
    {"Bachelors degree(BA AB BS)", {0, 71, 166}}, {"Masters degree(MA MS MEng MEd MSW MBA)", {0, 22, 56}},
    {"Prof school degree (MD DDS DVM LLB JD)", {0, 5, 16}}, {"Doctorate degree(PhD EdD)", {0, 4, 11}},
};

static const choice hs_college[] = {
    {"Not in universe", {1, 880, 940}}, {"High school", {0, 80, 25}}, {"College or university", {0, 41, 35}},
};

static const choice race[] = {
    {"White", {797, 832, 864}}, {"Black", {129, 112, 83}}, {"Asian or Pacific Islander", {31, 30, 28}}, {"Other", {27, 16, 15}},
    {"Amer Indian Aleut or Eskimo", {16, 11, 9}},
};

static const choice hisp_origin[] = {
    {"All other", {825, 861, 881}}, {"Mexican-American", {70, 34, 30}}, {"Mexican (Mexicano)", {37, 39, 34}},
    {"Central or South American", {21, 18, 19}}, {"Puerto Rican", {23, 19, 12}}, {"Other Spanish", {13, 14, 11}}, {"Cuban", {4, 7, 6}},
    {"NA", {4, 5, 4}}, {"Do not know", {1, 2, 1}}, {"Chicano", {2, 1, 1}},
};

static const choice union_member[] = {{"Not in universe", {1, 994, 804}}, {"No", {0, 6, 165}}, {"Yes", {0, 0, 31}}};

static const choice unemp_reason[] = {
    {"Not in universe", {1, 971, 953}}, {"Other job loser", {0, 5, 18}}, {"Re-entrant", {0, 14, 13}}, {"Job loser - on layoff", {0, 1, 10}},
    {"Job leaver", {0, 1, 5}}, {"New entrant", {0, 7, 0}},
};

static const choice full_or_part_emp[] = {
    {"Children or Armed Forces", {1, 507, 499}}, {"Full-time schedules", {0, 16, 418}}, {"Not in labor force", {0, 461, 7}},
    {"PT for non-econ reasons usually FT", {0, 2, 34}}, {"Unemployed full-time", {0, 9, 19}}, {"PT for econ reasons usually PT", {0, 0, 12}},
    {"Unemployed part- time", {0, 4, 6}}, {"PT for econ reasons usually FT", {0, 0, 5}},
};

static const choice num_emp[] = {
    {"0", {1, 855, 0}}, {"1", {0, 39, 219}}, {"2", {0, 16, 96}}, {"3", {0, 18, 130}}, {"4", {0, 15, 142}}, {"5", {0, 7, 59}}, {"6", {0, 50, 353}},
};

static const choice fam_under_18[] = {
    {"Not in universe", {8, 0, 0}}, {"Both parents present", {702, 0, 0}}, {"Mother only present", {229, 0, 0}},
    {"Father only present", {33, 0, 0}}, {"Neither parent present", {28, 0, 0}},
};

static const choice country[] = {
    {"United-States", {955, 852, 874}}, {"Mexico", {14, 36, 32}}, {"?", {7, 23, 19}}, {"Puerto-Rico", {3, 11, 6}}, {"Germany", {3, 6, 4}},
    {"Philippines", {1, 4, 6}}, {"Cuba", {0, 7, 5}}, {"Canada", {1, 5, 4}}, {"Dominican-Republic", {2, 6, 3}}, {"El-Salvador", {2, 4, 4}},
    {"China", {0, 3, 3}}, {"South Korea", {2, 3, 2}}, {"England", {1, 3, 3}}, {"Columbia", {1, 2, 3}}, {"Italy", {0, 4, 2}},
    {"India", {1, 2, 3}}, {"Vietnam", {1, 3, 2}}, {"Poland", {0, 3, 2}}, {"Guatemala", {1, 1, 2}}, {"Japan", {1, 2, 2}},
    {"Jamaica", {0, 2, 2}}, {"Peru", {0, 2, 2}}, {"Ecuador", {0, 1, 2}}, {"Haiti", {1, 1, 1}}, {"Nicaragua", {0, 1, 1}},
    {"Taiwan", {0, 1, 1}}, {"Portugal", {0, 1, 1}}, {"Iran", {0, 1, 1}}, {"Greece", {0, 1, 1}}, {"Honduras", {0, 1, 1}},
    {"Ireland", {0, 1, 1}}, {"France", {0, 1, 1}}, {"Outlying-U S (Guam USVI etc)", {0, 1, 1}}, {"Thailand", {1, 1, 1}}, {"Laos", {0, 1, 1}},
    {"Hong Kong", {0, 1, 1}}, {"Cambodia", {0, 1, 1}}, {"Hungary", {0, 1, 1}}, {"Scotland", {0, 1, 1}}, {"Trinadad&Tobago", {0, 1, 1}},
    {"Yugoslavia", {0, 1, 1}},
};

/* Of those who were born abroad. */
static const choice citizenship[] = {
    {"Foreign born- Not a citizen of U S", {76, 64, 62}}, {"Foreign born- U S citizen by naturalization", {7, 30, 31}},
    {"Native- Born abroad of American Parent(s)", {17, 6, 7}},
};

static const choice own_or_self[] = {{"0", {1, 981, 814}}, {"2", {0, 17, 159}}, {"1", {0, 2, 27}}};
static const choice vet_question[] = {{"Not in universe", {1, 978, 992}}, {"No", {0, 17, 7}}, {"Yes", {0, 5, 1}}};

/* An industry or occupation: its codes, its share of those at work in a thousand, and what it adds to the odds of a high income. */
typedef struct trade {
    const char *text;
    short first, last, weight;
    float effect;
} trade;

static const trade industries[] = {
    {"Agriculture", 1, 2, 29, -0.3f}, {"Mining", 3, 3, 6, 0.5f}, {"Construction", 4, 4, 61, 0}, {"Manufacturing-durable goods", 5, 18, 97, 0.3f},
    {"Manufacturing-nondurable goods", 19, 28, 69, 0.3f}, {"Transportation", 29, 29, 43, 0.2f}, {"Communications", 30, 30, 12, 0.6f},
    {"Utilities and sanitary services", 31, 31, 12, 0.6f}, {"Wholesale trade", 32, 32, 37, 0.2f}, {"Retail trade", 33, 33, 169, -0.5f},
    {"Finance insurance and real estate", 34, 35, 64, 0.5f}, {"Private household services", 36, 36, 9, -1}, {"Business and repair services", 37, 38, 56, 0},
    {"Personal services except private HH", 39, 39, 29, -0.6f}, {"Entertainment", 40, 40, 16, -0.2f}, {"Hospital services", 41, 41, 41, 0},
    {"Medical except hospital", 42, 42, 48, 0.2f}, {"Education", 43, 43, 85, -0.6f}, {"Social services", 44, 44, 25, -0.8f},
    {"Other professional services", 45, 45, 46, 0.5f}, {"Forestry and fisheries", 46, 46, 2, 0}, {"Public administration", 47, 50, 47, 0.1f},
    {"Armed Forces", 51, 51, 1, 0},
};

static const trade occupations[] = {
    {"Executive admin and managerial", 1, 3, 130, 1.3f}, {"Professional specialty", 4, 12, 145, 1.0f}, {"Technicians and related support", 13, 15, 31, 0.4f},
    {"Sales", 16, 20, 119, 0.6f}, {"Adm support including clerical", 21, 26, 151, -0.6f}, {"Private household services", 27, 27, 7, -2},
    {"Protective services", 28, 28, 17, 0.2f}, {"Other service", 29, 32, 118, -1.6f}, {"Precision production craft & repair", 33, 35, 107, -0.2f},
    {"Machine operators assmblrs & inspctrs", 36, 37, 64, -1.2f}, {"Transportation and material moving", 38, 39, 42, -0.8f},
    {"Handlers equip cleaners etc", 40, 42, 40, -1.8f}, {"Farming forestry and fishing", 43, 45, 31, -0.9f}, {"Armed Forces", 46, 46, 1, 0},
};

/* Where the family stands: the weights are of the never married who are minors, of the never married who are not, and of the rest. */
static const choice family[] = {
    {"Child <18 never marr not in subfamily", {915, 0, 0}}, {"Grandchild <18 never marr child of subfamily RP", {37, 0, 0}},
    {"Grandchild <18 never marr not in subfamily", {19, 0, 0}}, {"Child under 18 of RP of unrel subfamily", {11, 0, 0}},
    {"Other Rel <18 never marr child of subfamily RP", {10, 0, 0}}, {"Other Rel <18 never marr not in subfamily", {8, 0, 0}},
    {"Child 18+ never marr Not in a subfamily", {0, 420, 0}}, {"Nonfamily householder", {0, 255, 330}}, {"Secondary individual", {0, 120, 70}},
    {"Householder", {0, 110, 430}}, {"Other Rel 18+ never marr not in subfamily", {0, 60, 0}}, {"Child 18+ never marr RP of subfamily", {0, 20, 0}},
    {"Grandchild 18+ never marr not in subfamily", {0, 15, 0}}, {"Other Rel 18+ ever marr not in subfamily", {0, 0, 80}},
    {"Child 18+ ever marr Not in a subfamily", {0, 0, 40}}, {"RP of unrelated subfamily", {0, 0, 30}}, {"Child 18+ ever marr RP of subfamily", {0, 0, 20}},
};

static const char *const places[] = {
    "California", "Utah", "Florida", "North Carolina", "?", "Abroad", "Oklahoma", "Minnesota", "Indiana", "North Dakota", "New Mexico", "Michigan",
    "Alaska", "Kentucky", "Arizona", "New Hampshire", "Wyoming", "Colorado", "Oregon", "West Virginia", "Georgia", "Montana", "Alabama", "Ohio",
    "Texas", "Arkansas", "Mississippi", "Tennessee", "Pennsylvania", "New York", "Louisiana", "Vermont", "Iowa", "Illinois", "Nebraska", "Missouri",
    "Nevada", "Maine", "Massachusetts", "Kansas", "South Dakota", "Maryland", "Virginia", "Connecticut", "District of Columbia", "Wisconsin",
    "South Carolina", "New Jersey", "Delaware", "Idaho",
};
static const char *const regions[] = {"South", "West", "Midwest", "Northeast"};

#endif
