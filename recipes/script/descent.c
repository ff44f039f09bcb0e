/* Gradient descent on Rosenbrock's function. Nothing in here knows of hpo. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const double lr = argc > 1 ? atof(argv[1]) : 1e-3, momentum = argc > 2 ? atof(argv[2]) : 0.9;
    double x = -1, y = 1.5, vx = 0, vy = 0;
    FILE *out = fopen("x.txt", "w");

    if (!out)
        return 1;
    for (int epoch = 1; epoch <= 9; epoch++) {
        for (int step = 0; step < 100; step++) {
            vx = momentum * vx - lr * fmax(-100, fmin(100, -2 * (1 - x) - 400 * x * (y - x * x)));
            vy = momentum * vy - lr * fmax(-100, fmin(100, 200 * (y - x * x)));
            x += vx;
            y += vy;
        }
        printf("epoch %d: loss %.9g distance %.9g\n", epoch,
               pow(1 - x, 2) + 100 * pow(y - x * x, 2), hypot(x - 1, y - 1));
    }
    fprintf(out, "%.9g %.9g\n", x, y);
    return fclose(out);
}
