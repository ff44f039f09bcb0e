/* refused: never referenced */
__global__ void nothing(float *x)
{
    float unused;

    x[threadIdx.x] = 0;
}
