/* How many decimals numbers have that stand below each other in a table, on a page or on a screen. */
#ifndef GW_BASE_DECIMALS_H
#define GW_BASE_DECIMALS_H

#define GW__MOST_DECIMALS 7

/* The largest mean, and the least spread and gain but 0; {0}: none yet. */
typedef struct gw__decimals { double largest, spread, gain; } gw__decimals;

/* What is not finite does not exist. */
void gw__decimals_add(gw__decimals *decimals, double mean, double spread, double gain);
/* One number for a whole table: four digits of the largest mean, and more where the least spread (without any, the least gain) needs them to show
 * two, but no more than two more. */
int  gw__decimals_of(const gw__decimals *decimals);
/* For one value of such a table: what is not 0 is not shown as 0, but with one digit. */
int  gw__decimals_for(double value, int decimals);

#endif
