/* Pictures as a training shows them: what Python asks for. library.py mirrors this struct, field for field. */
#include <stdint.h>

enum { MOST_CHANNELS = 3, LONGEST_SIDE = 4096 };

typedef struct {
    int64_t count;
    int32_t channels, threads;
    int32_t picture[2], size[2]; /* rows and columns, of what lies there and of what is shown */
    const uint8_t *pixels;       /* [any][channels][rows][columns] */
    const int64_t *index;        /* [count]: which of them */
    const float *places;         /* [count][shown rows, then columns]: where each lies in the picture, 0 to its last one */
    const float *colours;        /* [count][channels][channels], or NULL: no colours change and nothing is cut to 0..255 */
    const float *kept;           /* [count]: how much of a picture's mean brightness is added to all values */
    const float *grey;           /* [channels]: the brightness of a colour */
    const float *light;          /* [count][channels], or NULL: added at last */
    const float *scale, *shift;  /* [channels]: a value v of 0..255 becomes scale v + shift */
    float *out;                  /* [count][channels][shown rows][shown columns] */
} ShowSpec;

/* 0, or 1 where memory ran out. */
int show_pictures(const ShowSpec *spec);

/* Adds the sums of each channel's values, and of the products of each two channels', [channels][channels]. */
void sum_pixels(const uint8_t *pixels, int64_t count, int32_t channels, int64_t plane, int64_t *sums, int64_t *products);
