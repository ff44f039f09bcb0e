/* refused: Local memory used */
__global__ void pick(float *x, const int *which)
{
    float a[16];

    for (int i = 0; i < 16; i++)
        a[which[i]] = x[i];
    for (int i = 0; i < 16; i++)
        x[threadIdx.x] += 2.5f * a[which[i + threadIdx.x]];
}
